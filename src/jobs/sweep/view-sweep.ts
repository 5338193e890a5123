import type { Evaluation } from '../../evaluation/evaluation.ts';
import {
  type SweepErasure,
  type SweepState,
  sweepStates,
  type SweepSummary,
  type SweepView,
} from '../../contract/sweep-view.ts';
import { AppError, isErrorCode } from '../../errors.ts';
import type { JobRecord } from '../job-record.ts';
import { isAllowed } from '../job-status.ts';
import type { Artifacts } from '../ports.ts';
import type { Combination } from './read-sweep.ts';
import type { SweepResult } from './run-sweep.ts';
import type { ServerSweep } from './server-sweep.ts';
import { drawnByResult, rowsOf, settingsOf, type SweepRow } from './summarize-sweep.ts';

/** The jobs that there are, by their ids. */
export type KnownJobs = ReadonlyMap<string, JobRecord>;

/** A sweep as lists show it. */
export function summarizeSweep(sweep: ServerSweep, known: KnownJobs): SweepSummary {
  const counts = Object.fromEntries(sweepStates.map((state) => [state, 0])) as Counts;
  for (const combination of sweep.combinations) counts[stateOf(sweep, combination, known)] += 1;
  const { name, fault } = sweep;
  return { name, counts, error: fault && { code: fault.code, message: fault.message } };
}

type Counts = Record<SweepState, number>;

/** All that a page shows of a sweep. */
export function viewSweep(sweep: ServerSweep, known: KnownJobs, artifacts: Artifacts): SweepView {
  const rows = rowsOf(resultsOf(sweep, known, artifacts));
  return {
    ...summarizeSweep(sweep, known),
    yaml: sweep.yaml,
    settings: settingsOf(rows),
    erasures: rows.map((row) => viewErasure(row, stateOf(sweep, row.combination, known))),
  };
}

/** What became of each erasure of a sweep, for its tables. */
export function resultsOf(
  sweep: ServerSweep,
  known: KnownJobs,
  artifacts: Artifacts,
): SweepResult[] {
  return sweep.combinations.map((combination) => {
    const record = recordOf(sweep, combination, known);
    // Of one that a person had go on meanwhile nothing is wrong.
    const isStill = record === null || isAllowed(record.state, 'resume');
    const refusal = isStill ? sweep.errors.get(combination.key) : null;
    const error = refusal ?? errorOf(record);
    if (!record) return { combination, job: null, error };
    const { id, state, job, progress } = record;
    return {
      ...{ combination, error },
      job: {
        ...{ id, progress, isDone: state === 'done', output: job?.output ?? null },
        find: (name) => artifacts.find(id, name),
      },
    };
  });
}

/** The state of an erasure, which is that of its job. */
export function stateOf(sweep: ServerSweep, combination: Combination, known: KnownJobs) {
  const { key } = combination;
  const record = recordOf(sweep, combination, known);
  if (record?.state !== 'done' && sweep.owed.has(key)) return 'queued';
  return record?.state ?? (sweep.errors.has(key) ? 'failed' : 'open');
}

function recordOf({ jobs }: ServerSweep, { key }: Combination, known: KnownJobs) {
  const id = jobs[key];
  return id === undefined ? null : (known.get(id) ?? null);
}

function errorOf(record: JobRecord | null): AppError | null {
  const error = record?.error;
  if (!error) return null;
  return new AppError(isErrorCode(error.code) ? error.code : 'internal.unexpected', error.message);
}

function viewErasure(row: SweepRow, state: SweepState): SweepErasure {
  const { combination, job, error, evaluation, score, seconds } = row;
  const picture = job && drawnByResult(job.progress.samples, 'forget');
  return {
    ...{ key: combination.key, model: combination.model, state, score, seconds },
    concept: combination.subject.name,
    settings: combination.settingsName,
    jobId: job?.id ?? null,
    error: error && { code: error.code, message: error.message },
    forget: evaluation && changeOf(evaluation.forget),
    retain: evaluation && changeOf(evaluation.retain),
    picture: picture?.file ?? null,
  };
}

function changeOf({ before, after }: Pick<Evaluation['forget'], 'before' | 'after'>) {
  return { before: finiteOrNull(before), after: finiteOrNull(after) };
}

/** What is no number stands for no pictures. */
const finiteOrNull = (value: number) => (Number.isFinite(value) ? value : null);
