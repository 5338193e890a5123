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

/** or of a LoRA, by its name in the folder of LoRAs, and how many times it counts. */
interface LoraChosen {
  readonly type: 'erase-concept:lora';
  readonly lora: string;
  readonly strength: number;
}

/**
 * Has the scrubbed model of a job used, in the workflow that is open around this page too.
 *
 * @param strength how many times its change counts, of a job that made a LoRA file
 */
export async function useScrubbedModel({ id, lora }: JobView, strength: number): Promise<void> {
  const used = await api.applyJob(id, lora ? strength : undefined);
  const model = usedModel(used);
  if (model !== null) tellHostPage(model, used.rollbackTo);
}

/** Goes back to the model that was used before, in the workflow that is open around this page too. */
export async function rollBackModel(job: JobView): Promise<void> {
  const { id, rollbackTo } = job;
  await api.rollbackJob(id);
  if (rollbackTo !== null) tellHostPage(rollbackTo, usedModel(job));
}

/** Which of a job's models is in use, or else its result. */
function usedModel({ result, merged }: JobView): string | null {
  return merged.find(({ isActive }) => isActive)?.model ?? result?.model ?? null;
}

/** Whether a page around this one has a workflow that LoRAs can be put into. */
export function hasWorkflow(): boolean {
  return hostKind.value === 'comfyui' && window.parent !== window;
}

/** Puts a LoRA into the workflow that is open around this page. @param file in the folder of LoRAs */
export function putLoraIntoWorkflow(file: string, strength: number): void {
  const lora = file.split(/[/\\]/).at(-1) ?? file;
  tellPage({ type: 'erase-concept:lora', lora, strength });
}

function tellHostPage(model: string, replaces: string | null): void {
  tellPage({ type: 'erase-concept:model', model, replaces });
}

function tellPage(message: ModelChosen | LoraChosen): void {
  if (window.parent !== window) window.parent.postMessage(message, location.origin);
}
