import { otherClipSkip } from '../drawing/other-clip-skip.ts';
import type { Checkpoint } from '../families/checkpoint.ts';
import type { EraseSettings } from '../methods/registry.ts';
import type { EraseJob } from './job.ts';
import type { SampleSubject } from './sample-folder.ts';
import { type PromptCounts, spread, spreadCount } from './spread.ts';

/**
 * Prompts of each role that are drawn and judged: an evaluation of one picture each then costs as
 * much as drawing 16 pictures with each model and half as much again for judging them.
 */
const comparedPrompts = 8;

/** How many pictures an evaluation draws with each of the two models, at both clip skips where there are two. */
export function evaluatedPictures(
  checkpoint: Checkpoint,
  settings: EraseSettings,
  prompts: PromptCounts,
): number {
  const clipSkips = otherClipSkip(checkpoint, settings) === null ? 1 : 2;
  return clipSkips * settings.evaluationPictures * spreadCount(prompts, comparedPrompts);
}

/** The prompts that the original and the result are compared by, with their places among the job's. */
export function comparedPromptsOf({ forget, retain }: Pick<EraseJob, 'forget' | 'retain'>) {
  return {
    forget: spread(forget, comparedPrompts),
    retain: spread(retain, comparedPrompts),
  };
}

/** Other noise than that of the previews: a picture of the same name would be another one. */
export function comparisonSeed({ seed }: EraseSettings): number {
  return (seed + 1) % 2 ** 32;
}

/** Every picture that both models draw for the comparison, forgotten prompts first. */
export function comparedPictures(
  job: Pick<EraseJob, 'forget' | 'retain' | 'settings'>,
): SampleSubject[] {
  const { forget, retain } = comparedPromptsOf(job);
  const first = comparisonSeed(job.settings);
  const seeds = Array.from({ length: job.settings.evaluationPictures }, (_, i) => first + i);
  const subjects = [
    ...forget.map(({ item, index }) => ({ role: 'forget' as const, index, prompt: item.prompt })),
    ...retain.map(({ item, index }) => ({ role: 'retain' as const, index, prompt: item })),
  ];
  return subjects.flatMap(({ role, index: number, prompt }) =>
    seeds.map((seed) => ({ role, number, prompt, seed })),
  );
}
