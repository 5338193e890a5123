import type { JobView } from '../src/contract/job-views.ts';
import { api } from './api.ts';
import { hostKind } from './state.ts';

/** What the page of a web UI that shows this one in a frame is told: of a model, */
interface ModelChosen {
  readonly type: 'erase-concept:model';
  /** To be drawn with from now on. */
  readonly model: string;
  /** What was drawn with before; null where that is not known. */
  readonly replaces: string | null;
}

/** or of a LoRA, by its name in the folder of LoRAs. */
interface LoraChosen {
  readonly type: 'erase-concept:lora';
  readonly lora: string;
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

/** Whether a page around this one has a workflow that LoRAs can be put into. */
export function hasWorkflow(): boolean {
  return hostKind.value === 'comfyui' && window.parent !== window;
}

/** Puts a LoRA into the workflow that is open around this page. @param file in the folder of LoRAs */
export function putLoraIntoWorkflow(file: string): void {
  tellPage({ type: 'erase-concept:lora', lora: file.split(/[/\\]/).at(-1) ?? file });
}

function tellHostPage(model: string, replaces: string | null): void {
  tellPage({ type: 'erase-concept:model', model, replaces });
}

function tellPage(message: ModelChosen | LoraChosen): void {
  if (window.parent !== window) window.parent.postMessage(message, location.origin);
}
