import { otherClipSkip } from '../drawing/other-clip-skip.ts';
import { byConcept } from './concepts.ts';
import type { Checkpoint } from '../families/checkpoint.ts';
import { type EraseSettings, trainingOf } from '../methods/registry.ts';
import { shownStrengths } from '../strengths.ts';
import type { EraseJob } from './job.ts';
import { mostProbes, ownPromptCount } from './probe-counts.ts';
import type { SampleSubject } from './sample-folder.ts';
import { type PromptCounts, spread, spreadCount } from './spread.ts';

/** Neighbours of each of several concepts that are drawn, too. */
const comparedNeighbours = 2;
/** Prompts of each role that are drawn at other strengths too: enough to choose one by. */
const strengthPrompts = 2;
/** The comparison itself draws strength 0, the original, and 1, the result. */
const otherStrengths = shownStrengths.filter((strength) => strength !== 0 && strength !== 1);

/** What judging a picture costs, in drawings of it: six or seven candidates, each a quarter. */
const JUDGEMENT_DRAWINGS = 1.75;
/** What comparing a picture of both models costs, in drawings of one. */
export const MEASURING_DRAWINGS = 2 * (1 + JUDGEMENT_DRAWINGS);

/** How many of the job's own prompts are compared. */
export function comparedPromptCount(prompts: PromptCounts, settings: EraseSettings): number {
  return spreadCount(prompts, ownPromptCount(settings));
}

/** How many pictures an evaluation draws with each of the two models, at both clip skips where there are two. */
function evaluatedPictures(
  checkpoint: Checkpoint,
  settings: EraseSettings,
  prompts: PromptCounts,
): number {
  const clipSkips = otherClipSkip(checkpoint, settings) === null ? 1 : 2;
  const count = comparedPromptCount(prompts, settings) + mostProbes(settings);
  return clipSkips * settings.evaluationPictures * count;
}

/** How many pictures are drawn at other strengths than the result's, where a LoRA file is made. */
function strengthPictureCount(settings: EraseSettings, prompts: PromptCounts): number {
  if (!isDrawnAtStrengths(settings)) return 0;
  return otherStrengths.length * spreadCount(prompts, strengthPrompts);
}

/** What an evaluation costs, in drawings of one picture. */
export function measuringDrawings(
  checkpoint: Checkpoint,
  settings: EraseSettings,
  prompts: PromptCounts,
): number {
  const evaluated = evaluatedPictures(checkpoint, settings, prompts) * MEASURING_DRAWINGS;
  return evaluated + strengthPictureCount(settings, prompts);
}

function isDrawnAtStrengths(settings: EraseSettings): boolean {
  const makesLora = (trainingOf(settings)?.output ?? 'checkpoint') !== 'checkpoint';
  return makesLora && settings.evaluationPictures > 0;
}

/**
 * The prompts that the original and the result are compared by, with their places among the job's: of several
 * concepts some of each, and some of the neighbours of each.
 */
export function comparedPromptsOf({ forget, retain, concepts, settings }: ComparedJob) {
  const count = ownPromptCount(settings);
  const places = forget.map((item, index) => ({ item, index, prompt: item.prompt }));
  const neighbours = concepts.flatMap((concept) => concept.neighbours.slice(0, comparedNeighbours));
  const kept = spread(retain, count);
  const others = retain
    .map((item, index) => ({ item, index }))
    .filter(
      ({ item, index }) => neighbours.includes(item) && kept.every((one) => one.index !== index),
    );
  return {
    forget: byConcept(places, concepts).flatMap((own) =>
      spread(own, promptsOfConcept(count, concepts.length)).map(({ item: { item, index } }) => ({
        item,
        index,
      })),
    ),
    retain: [...kept, ...others].sort((a, b) => a.index - b.index),
  };
}

/** What of a job says which pictures are compared. */
type ComparedJob = Pick<EraseJob, 'forget' | 'retain' | 'concepts' | 'settings'>;

/** Prompts of each concept that are compared; several share what one has. */
function promptsOfConcept(count: number, concepts: number): number {
  return Math.ceil(count / Math.max(1, concepts));
}

/** Other noise than that of the previews: a picture of the same name would be another one. */
export function comparisonSeed({ seed }: EraseSettings): number {
  return (seed + 1) % 2 ** 32;
}

/** Every picture that both models draw for the comparison, forgotten prompts first. */
export function comparedPictures(job: ComparedJob): SampleSubject[] {
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

/** A picture that is drawn with a LoRA at another strength than 0 and 1. */
export interface StrengthPicture extends SampleSubject {
  readonly strength: number;
}

/** Some of the compared pictures at each other strength, one strength after the other. */
export function strengthPictures(job: ComparedJob): StrengthPicture[] {
  if (!isDrawnAtStrengths(job.settings)) return [];
  const first = comparedPictures(job).filter(({ seed }) => seed === comparisonSeed(job.settings));
  const chosen = (['forget', 'retain'] as const).flatMap((wanted) =>
    spread(
      first.filter(({ role }) => role === wanted),
      strengthPrompts,
    ),
  );
  return otherStrengths.flatMap((strength) => chosen.map(({ item }) => ({ ...item, strength })));
}
