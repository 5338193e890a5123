import type { JobView } from '../src/contract/job-views.ts';
import { api } from './api.ts';

/** What the page of a web UI that shows this one in a frame is told. */
interface ModelChosen {
  readonly type: 'erase-concept:model';
  /** To be drawn with from now on. */
  readonly model: string;
  /** What was drawn with before; null where that is not known. */
  readonly replaces: string | null;
}

/** Has the scrubbed model of a job used, in the workflow that is open around this page too. */
export async function useScrubbedModel({ id }: JobView): Promise<void> {
  const { result, rollbackTo } = await api.applyJob(id);
  if (result) tellHostPage(result.model, rollbackTo);
}

/** Goes back to the model that was used before, in the workflow that is open around this page too. */
export async function rollBackModel({ id, result, rollbackTo }: JobView): Promise<void> {
  await api.rollbackJob(id);
  if (rollbackTo !== null) tellHostPage(rollbackTo, result?.model ?? null);
}

function tellHostPage(model: string, replaces: string | null): void {
  if (window.parent === window) return;
  const message: ModelChosen = { type: 'erase-concept:model', model, replaces };
  window.parent.postMessage(message, location.origin);
}
