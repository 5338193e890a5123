import { availableParallelism } from 'node:os';

import type { Suggestions } from '../../erase/suggestions.ts';
import type { PromptStyle } from '../../drawing/prompt-style.ts';
import { askProcess } from '../../processes/ask-process.ts';

/** What prompts are suggested for. */
export interface SuggestRequest {
  /** Path of the checkpoint. */
  readonly model: string;
  readonly forget: readonly string[];
  readonly concept?: string | undefined;
  /** How the model is asked. Default: what it, then the prompts tell. */
  readonly style?: PromptStyle | undefined;
}

export interface SuggestQuestion extends SuggestRequest {
  readonly threads: number;
}

/** Half a minute on a busy machine; a training beside it may take most of the time. */
const TIMEOUT_MS = 180_000;

const worker = new URL('./suggest-worker.ts', import.meta.url);

/**
 * Anchors and retain prompts for forget prompts, from the model's own text encoder; worked out in a
 * process of its own, in seconds for a full-size model.
 *
 * @throws AppError `checkpoint.*`, `model.unsupported`, `device.*`; the signal's reason
 */
export async function suggestPrompts(
  request: SuggestRequest,
  signal?: AbortSignal,
): Promise<Suggestions> {
  const question: SuggestQuestion = { ...request, threads: availableParallelism() };
  const answer = await askProcess(worker, question, {
    timeoutMs: TIMEOUT_MS,
    purpose: 'suggesting prompts',
    ...(signal && { signal }),
  });
  return answer as Suggestions;
}
