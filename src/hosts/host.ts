/** A checkpoint that a host knows. */
export interface HostModel {
  /** Unique among the host's models, and the same from one start to the next. */
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
  /** When it was last written, in ms since 1970. */
  readonly modifiedMs: number;
}

/**
 * The web UI that the models belong to; nothing about erasing. All of it throws `host.*` errors
 * where the host cannot be reached or answers with an error of its own.
 */
export interface Host {
  readonly kind: string;
  isReachable(): Promise<boolean>;
  /** The models, those that came or went in the last second perhaps not heeded. */
  listModels(): Promise<readonly HostModel[]>;
  /** Has a model that was just written or removed heeded. */
  refresh(): Promise<void>;
  /** The folder that a scrubbed model of this one goes to. */
  resultFolder(model: HostModel): string;
  /** Name of the model that pictures are drawn with; null where none was chosen yet. */
  activeModel(): Promise<string | null>;
  /**
   * Has pictures drawn with another model from now on. A host may take a model that it cannot load:
   * it is certain once `drawTrial` has drawn with it.
   *
   * @throws AppError `model.not-found`
   */
  activate(name: string): Promise<void>;
  /**
   * Draws a small picture with the active model and throws it away.
   *
   * @returns the name of the model that drew it; null where the host draws none
   */
  drawTrial(): Promise<string | null>;
  /** Whether it draws pictures. */
  isBusy(): Promise<boolean>;
  /** Takes its model out of the graphics memory; not while it draws. */
  freeMemory(): Promise<void>;
  /** Takes its model back into the graphics memory, where that does not happen by itself. */
  reclaimMemory(): Promise<void>;
}
