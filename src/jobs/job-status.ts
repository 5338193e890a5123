import { z } from 'zod';

import { jobAttackSchema } from '../contract/attack-view.ts';
import { jobStates, type JobState } from '../contract/job-views.ts';
import type { RecordedEvent } from '../erase/events.ts';
import type { Outcome } from './job-progress.ts';

/** What can happen to a job. */
export type JobAction =
  /** Its turn has come: what was asked for becomes what is run. */
  | 'prepare'
  | 'train'
  | 'evaluate'
  /** A person has it go on. */
  | 'resume'
  /** The server that had it ended, and the next one goes on with it. */
  | 'requeue'
  | 'finish'
  | 'fail'
  | 'cancel'
  /** It stands still, and nobody has decided that it should. */
  | 'interrupt';

const stops = { fail: 'failed', cancel: 'cancelled', interrupt: 'interrupted' } as const;
/** Another process may have done it meanwhile, so that it is found to be done. */
const ends = { ...stops, finish: 'done' } as const;
/** A server puts it in its queue; a command begins at once. */
const beginnings = { resume: 'queued', train: 'training' } as const;

/** The states of a job, what can happen in each, and which state it is in then. */
export const jobTransitions: Readonly<
  Record<JobState, Readonly<Partial<Record<JobAction, JobState>>>>
> = {
  // One whose training is done may lack what the host draws of it.
  queued: { prepare: 'preparing', evaluate: 'evaluating', train: 'training', ...ends },
  preparing: { train: 'training', requeue: 'queued', ...ends },
  training: { evaluate: 'evaluating', requeue: 'queued', ...ends },
  evaluating: { evaluate: 'evaluating', requeue: 'queued', ...ends },
  done: {},
  failed: beginnings,
  cancelled: beginnings,
  interrupted: beginnings,
};

/** States of a job that somebody works on, or is going to. */
const underWay: readonly JobState[] = ['queued', 'preparing', 'training', 'evaluating'];

/** The version that is written; `local/status-file.ts` reads those before. */
export const STATUS_VERSION = 1;

/** The contents of a job's `status.json`. */
export const statusSchema = z.object({
  version: z.literal(STATUS_VERSION),
  state: z.enum(jobStates),
  /** When it was put in a server's queue, which owes it (ISO 8601); null for one of a command. */
  queuedAt: z.iso.datetime().nullable(),
  /** Starts of the server that found it unfinished, since it last got any further than `step`. */
  recoveries: z.object({ count: z.int(), step: z.int() }),
  /** Why it could not go on by itself, where its events do not tell. */
  interruption: z.object({ code: z.string(), message: z.string() }).nullable(),
  /** Who draws the pictures of its sets; null where it was not found out yet. */
  picturesBy: z.enum(['host', 'sidecar']).nullable(),
  /**
   * Name of the model before this job's was put into use: 0.1.0 kept it here. Null once the host's
   * journal has taken it over.
   */
  modelBefore: z.string().nullable(),
  /** Checkpoints that were merged from its LoRA file at other strengths. */
  merged: z
    .array(
      z.object({
        path: z.string(),
        strength: z.number(),
        /** What a person should know of it: what rounding took. */
        remark: z.string(),
      }),
    )
    .default([]),
  /** Attacks on its result, asked for once it was done. */
  attacks: z.array(jobAttackSchema).default([]),
});
/** Where a job stands, as it is kept with it: its events tell how it came there. */
export type JobStatus = z.infer<typeof statusSchema>;

/**
 * The status of a job that is just made.
 *
 * @param queuedAt when a server took it on (ISO 8601); null for one that a command begins
 */
export function newStatus(queuedAt: string | null): JobStatus {
  return {
    version: STATUS_VERSION,
    state: queuedAt === null ? 'preparing' : 'queued',
    queuedAt,
    recoveries: { count: 0, step: 0 },
    interruption: null,
    picturesBy: null,
    modelBefore: null,
    merged: [],
    attacks: [],
  };
}

/** Whether something can happen to a job in this state. */
export function isAllowed(state: JobState, action: JobAction): boolean {
  return jobTransitions[state][action] !== undefined;
}

/** What an event of a run does to the state of its job; null for nothing. */
export function actionOf(event: RecordedEvent): JobAction | null {
  return event.event === 'phase' && event.phase === 'evaluate' ? 'evaluate' : null;
}

/** Whether somebody works on a job in this state, or is going to. */
export function isUnderWay(state: JobState): boolean {
  return underWay.includes(state);
}

/**
 * The state after something happened.
 *
 * @throws Error where it cannot happen: a bug
 */
export function nextState(state: JobState, action: JobAction): JobState {
  const next = jobTransitions[state][action];
  if (next === undefined) throw new Error(`a job that is ${state} cannot ${action}`);
  return next;
}

/**
 * The status of a job that nobody works on, whatever stands there: whoever did was killed. Its last
 * event tells how far that one came.
 */
export function abandonedStatus(status: JobStatus, outcome: Outcome | null): JobStatus {
  if (!isUnderWay(status.state)) return status;
  return { ...status, state: nextState(status.state, endOf(outcome)) };
}

/** What happened to a job whose run ended so; null where it did not come to say. */
export function endOf(outcome: Outcome | null): 'finish' | 'fail' | 'cancel' | 'interrupt' {
  if (outcome === null) return 'interrupt';
  if (outcome.kind === 'done') return 'finish';
  return outcome.event.code === 'job.cancelled' ? 'cancel' : 'fail';
}
