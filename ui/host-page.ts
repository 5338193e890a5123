/** What the page of a web UI that shows this one in a frame is told. */
export interface ModelChosen {
  readonly type: 'erase-concept:model';
  readonly model: string;
  /** What was drawn with before; null where that is not known. */
  readonly replaces: string | null;
}

/** Tells the web UI around this page which model is to be drawn with, if there is one around it. */
export function tellHostPage(model: string, replaces: string | null): void {
  if (window.parent === window) return;
  const message: ModelChosen = { type: 'erase-concept:model', model, replaces };
  window.parent.postMessage(message, location.origin);
}
