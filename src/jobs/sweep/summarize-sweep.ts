import type { SampleView } from '../../contract/job-views.ts';
import type { Evaluation } from '../../evaluation/evaluation.ts';
import type { SweepResult } from './run-sweep.ts';

/** A line of the table of a sweep. */
export interface SweepRow extends SweepResult {
  readonly state: 'done' | 'failed' | 'open';
  readonly evaluation: Evaluation | null;
  /**
   * Pictures of forgotten prompts that no longer show it, as a share, times those of kept prompts that are still
   * recognised, as a share of what the original has; null where nothing was judged.
   */
  readonly score: number | null;
  readonly seconds: number | null;
  /** Names of pictures of forgotten and kept prompts, drawn by the original and the result. */
  readonly pictures: readonly string[];
}

/** Settings with what came of them for all models and concepts. */
export interface SettingsRow {
  readonly name: string;
  readonly done: number;
  readonly all: number;
  /** Mean of the scores that there are; null where there is none. */
  readonly score: number | null;
}

/** The results with their figures, the best first, then those without any. */
export function rowsOf(results: readonly SweepResult[]): SweepRow[] {
  return results.map(rowOf).toSorted((a, b) => bestFirst(a.score, b.score));
}

/** All settings, the best first. */
export function settingsOf(rows: readonly SweepRow[]): SettingsRow[] {
  const groups = new Map<string, SweepRow[]>();
  for (const row of rows) {
    const name = row.combination.settingsName;
    const own = groups.get(name);
    if (own) own.push(row);
    else groups.set(name, [row]);
  }
  const settings = [...groups].map(([name, own]) => {
    const scores = own.flatMap(({ score }) => score ?? []);
    const sum = scores.reduce((total, score) => total + score, 0);
    return {
      ...{ name, all: own.length, done: own.filter(({ state }) => state === 'done').length },
      score: scores.length === 0 ? null : sum / scores.length,
    };
  });
  return settings.toSorted((a, b) => bestFirst(a.score, b.score));
}

/** The last picture of a role that the result drew as it is: not at another strength of its change. */
export function drawnByResult(
  samples: readonly SampleView[],
  wanted: SampleView['role'],
): SampleView | undefined {
  return samples.findLast(
    ({ which, role, strength }) =>
      which === 'after' && role === wanted && (strength === null || strength === 1),
  );
}

function rowOf(result: SweepResult): SweepRow {
  const progress = result.job?.progress ?? null;
  const { evaluation, samples } = progress ?? { evaluation: null, samples: [] };
  const pictures = (['forget', 'retain'] as const).flatMap((role) => {
    const after = drawnByResult(samples, role);
    const before = samples.find(
      ({ which, prompt, seed }) =>
        which === 'before' && prompt === after?.prompt && seed === after.seed,
    );
    return [before, after].flatMap((sample) => sample?.file ?? []);
  });
  const isDone = result.job?.isDone === true && result.error === null;
  return {
    ...result,
    ...{ evaluation, pictures, seconds: progress?.seconds(null) ?? null },
    state: isDone ? 'done' : hasFailed(result) ? 'failed' : 'open',
    score: isDone && evaluation ? scoreOf(evaluation) : null,
  };
}

function hasFailed({ error }: SweepResult): boolean {
  return error !== null && error.code !== 'job.cancelled';
}

function scoreOf({ forget, retain }: Evaluation): number | null {
  const kept = retain.before > 0 ? Math.min(1, retain.after / retain.before) : 1;
  const score = (1 - forget.after) * kept;
  return Number.isFinite(score) ? score : null;
}

function bestFirst(a: number | null, b: number | null): number {
  return (b ?? -1) - (a ?? -1);
}
