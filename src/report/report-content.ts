import type { EraseJob } from '../erase/job.ts';
import type { Role } from '../evaluation/figure.ts';
import type { SampleEvent } from '../erase/events.ts';
import { spread } from '../erase/spread.ts';
import type { JobStory } from './job-story.ts';

/** Pairs of each role and moments of a preview that a report shows: they bound its size. */
const maxPairs = 12;
const maxMoments = 8;

/** The same prompt and noise, drawn by the model before and after. */
export interface Pair {
  readonly before: SampleEvent;
  readonly after: SampleEvent;
}

/** The same prompt and noise over the steps, in their order. */
export type Strip = readonly SampleEvent[];

/** The pictures that a report shows. */
export interface ReportPictures {
  readonly pairs: Readonly<Record<Role, readonly Pair[]>>;
  readonly strips: readonly Strip[];
  /** Of a change that has a strength: one picture at each, the weakest first. */
  readonly strengths: readonly StrengthRow[];
}

/** The same prompt and noise at several strengths of the change, in their order. */
export type StrengthRow = readonly { readonly strength: number; readonly sample: SampleEvent }[];

/** Chooses among a job's pictures: pairs of its evaluation, or else of its previews. */
export function choosePictures({ settings }: EraseJob, { samples }: JobStory): ReportPictures {
  const subjects = [...groupBySubject(samples).values()];
  const groups = subjects.map((group) => group.filter(({ strength }) => strength === undefined));
  // What is shown is how the person draws, where that is known.
  const ofHost = groups.filter(isOfHost);
  // Previews have the job's own seed, the evaluation later ones.
  const isPreview = ([first]: Strip) => first?.seed === settings.seed;
  const previews = groups.filter(isPreview);
  const evaluated = groups.filter((group) => !isPreview(group) && !isOfHost(group));
  const shown = [ofHost, evaluated, previews].find((some) => some.some(isPair)) ?? [];
  const pairsOf = (role: Role) =>
    spread(shown.filter(([first]) => first?.role === role).flatMap(pairOf), maxPairs).map(
      ({ item }) => item,
    );
  return {
    pairs: { forget: pairsOf('forget'), retain: pairsOf('retain') },
    strips: previews.filter((group) => group.length > 2).map(chooseMoments),
    strengths: subjects.map(strengthRowOf).filter((row) => row.length > 0),
  };
}

/** None of pictures that were drawn at no other strength. */
function strengthRowOf(group: Strip): StrengthRow {
  const others = group.flatMap((sample) =>
    sample.strength === undefined ? [] : [{ strength: sample.strength, sample }],
  );
  if (others.length === 0) return [];
  const ends = pairOf(group.filter(({ strength }) => strength === undefined)).flatMap(
    ({ before, after }) => [
      { strength: 0, sample: before },
      { strength: 1, sample: after },
    ],
  );
  return [...ends, ...others].sort((a, b) => a.strength - b.strength);
}

function groupBySubject(samples: readonly SampleEvent[]): Map<string, SampleEvent[]> {
  const groups = new Map<string, SampleEvent[]>();
  for (const sample of samples) {
    const { role, prompt, seed, drawnBy } = sample;
    const subject = JSON.stringify([role, prompt, seed, drawnBy]);
    groups.set(subject, [...(groups.get(subject) ?? []), sample]);
  }
  return groups;
}

function isOfHost([first]: Strip): boolean {
  return first?.drawnBy === 'host';
}

function isPair(group: Strip): boolean {
  return pairOf(group).length > 0;
}

function pairOf(group: Strip): Pair[] {
  const before = group.find(({ which }) => which === 'before');
  const after = group.findLast(({ which }) => which === 'after');
  return before && after ? [{ before, after }] : [];
}

/** The first and the last, and what lies evenly between them. */
function chooseMoments(group: Strip): Strip {
  const last = group.slice(-1);
  return [...spread(group.slice(0, -1), maxMoments - 1).map(({ item }) => item), ...last];
}
