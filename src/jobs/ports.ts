import type { RequestListener } from 'node:http';

import type { RecordedEvent } from '../erase/events.ts';
import type { EraseJob } from '../erase/job.ts';
import type { JobListener } from '../contract/services.ts';
import type { WorkerView } from '../contract/worker-view.ts';
import type { JobDraft } from './request/job-draft.ts';
import type { JobStatus } from './job-status.ts';

// What jobs are kept and run with. The service knows these interfaces alone; what implements them is
// registered in `backends.ts` and held to `test/jobs/contract.test.ts`.

/** A job where it is kept: what was asked for, what is run, where it stands, what happened. */
export interface StoredJob {
  readonly id: string;
  /**
   * What was asked for; null for a job of 0.1.0's command line.
   *
   * @throws AppError `job.damaged`, as the next one
   */
  readDraft(): Promise<JobDraft | null>;
  /** What is run; null until the job is prepared. */
  readJob(): Promise<EraseJob | null>;
  /** @throws AppError `job.damaged` for a status of a newer version */
  readStatus(): Promise<JobStatus>;
  writeStatus(status: JobStatus): Promise<void>;
  /** Another number once events were added, so that nobody need read them to know. */
  eventsSize(): Promise<number>;
  /**
   * Everything that happened so far, of all runs.
   *
   * @param after how many of the first events are left out. Default: none
   */
  readEvents(after?: number): Promise<RecordedEvent[]>;
  /** Once before a run appends: makes up for what a killed process has left half written. */
  mendEvents(): Promise<void>;
  /**
   * Adds an event, with the present time where it has none. Events stay in the order of the calls.
   *
   * @returns the event as it is kept
   */
  appendEvent(event: RecordedEvent): RecordedEvent;
}

/** Folders of given pictures that become a new job's. */
export interface GivenPictures {
  readonly forgetImages: string | null;
  readonly retainImages: string | null;
  /** Of single concepts, by their places in the list. */
  readonly conceptImages: ReadonlyMap<number, string>;
}

/** None of them: what is given stays where it is. */
export const nothingGiven: GivenPictures = {
  ...{ forgetImages: null, retainImages: null },
  conceptImages: new Map(),
};

/** Keeps jobs. */
export interface JobRepository {
  /** Before anything else: removes what deletions and attempts that were killed have left. */
  open(): Promise<void>;
  /**
   * All jobs, and what may become one, by their ids. A job of the same revision is what it was; null says
   * nothing.
   */
  revisions(): Promise<ReadonlyMap<string, string | null>>;
  /**
   * The job of an id; null for what is none, or none yet.
   *
   * @throws AppError `job.damaged`
   */
  find(id: string): Promise<StoredJob | null>;
  /**
   * Makes a job, queued and not prepared.
   *
   * @param given folders that are moved into the job, and named in its request
   * @throws AppError `output.unwritable`; nothing is left then
   */
  add(draft: JobDraft, given: GivenPictures): Promise<StoredJob>;
  /** Deletes a job with everything that it has. */
  delete(id: string): Promise<void>;
}

/** Keeps the files of jobs: pictures, reports, state. Names are paths within the job, with `/`. */
export interface Artifacts {
  /** A folder on this machine with all files of a job, to read from and write into. */
  checkOut(id: string): Promise<string>;
  /** Keeps what was written into the folder of `checkOut`, for whoever asks elsewhere. */
  checkIn(id: string): Promise<void>;
  /**
   * Where a file of a job lies on this machine; null where there is none of this name, and for names
   * that lead out of the job.
   */
  find(id: string, name: string): Promise<string | null>;
}

/** How work on a job is ended from outside. */
export interface WorkSignals {
  /** Aborted to cancel: the state is saved, then the work ends. */
  readonly cancel: AbortSignal;
  /** Aborted to end it at once; what was done since the last save is lost. */
  readonly kill: AbortSignal;
}

/** Who works on the jobs of a queue. */
export interface Worker {
  /** What only one job at a time is worked on with: a device. */
  lane(id: string): Promise<string>;
  /**
   * Works on a job to its end, well or not. What it throws goes to `onTrouble`.
   *
   * @returns `left` where the job shall wait for somebody else, as it cannot be gone on with here
   */
  work(id: string, signals: WorkSignals): Promise<'ended' | 'left'>;
  /** Which jobs wait, or in what order, is another. */
  onMoved(waiting: readonly string[]): void;
  onTrouble(error: unknown): void;
}

/** Has jobs worked on in their order, one at a time in each lane. */
export interface WorkQueue {
  /** Who works on them: given once, before the first is added. */
  start(worker: Worker): void;
  /** Puts a job at the end. */
  add(id: string): Promise<void>;
  /** Those that wait, the next one first. */
  waiting(): readonly string[];
  /** Takes out a job that waits. @returns whether it did */
  remove(id: string): Promise<boolean>;
  /** Cancels the work on a job, with a reason for its signal. @returns whether it was worked on */
  cancel(id: string, reason: unknown): Promise<boolean>;
  /**
   * Starts nothing any more, cancels what is worked on and waits for its end.
   *
   * @param patience aborted to kill what has not ended
   */
  close(patience: AbortSignal, reason: unknown): Promise<void>;
}

/** How a run is followed and ended. */
export interface RunControl extends WorkSignals {
  /**
   * Told of everything that the run records of the job, in its order; its last error, with which the
   * promise is rejected, is not among it.
   */
  readonly onEvent: (event: RecordedEvent) => void;
}

/** Does the work of a job where its model is, in processes whose death it survives. */
export interface Runner {
  /**
   * Makes what was asked for what is run, or makes sure that a job that was prepared can go on; both
   * read all of the model. Waits for a process that runs the job already.
   *
   * @throws the signal's reason; AppError for whatever is wrong with the job
   */
  prepare(id: string, signal: AbortSignal): Promise<void>;
  /**
   * Runs a job to its end, from wherever it stands, and records the error that it ends with.
   *
   * @throws AppError what went wrong, `job.cancelled`, `job.wrong-state` if it is being run
   */
  run(id: string, control: RunControl): Promise<void>;
  /** Writes the report of a job that is done anew. */
  report(id: string, signal: AbortSignal): Promise<void>;
  /** Which process runs a job right now: one of this machine, or of another. */
  findRunner(id: string): Promise<'here' | 'elsewhere' | null>;
  /**
   * What can be told at once of whether a job can go on.
   *
   * @throws AppError `job.wrong-state`, `checkpoint.not-found`, `output.exists`
   */
  requireUnfinished(id: string): Promise<void>;
}

/** What others do to the jobs of a backend that several servers and machines have. */
export interface Sharing {
  /** Tells of what happens to jobs from now on. */
  follow(listener: Omit<JobListener, 'moved'>): void;
  /** Brings what a job that is done made to where it was asked for, once. @returns whether it did now */
  fetchResults(id: string): Promise<boolean>;
  /**
   * Makes sure that what a job needs is where those who work on it look, before it goes on.
   *
   * @param isDamaged whether what is there is held to its hash, as the job failed of it
   * @throws AppError `artifact.missing` where it cannot be had any more
   */
  restore(id: string, isDamaged: boolean): Promise<void>;
  /** Whether a job waits or is worked on, as far as is known. */
  isQueued(id: string): boolean;
  /** Those who work on the jobs. */
  workers(): Promise<readonly WorkerView[]>;
  /** What shows the engine's own queues. @throws AppError `package.missing` */
  board(): Promise<RequestListener>;
  /** The token that the pages of all servers have, which is this one if there was none. */
  agreeOnToken(own: string): Promise<string>;
}

/** All that jobs are kept and run with. */
export interface JobBackend {
  readonly repository: JobRepository;
  readonly artifacts: Artifacts;
  readonly queue: WorkQueue;
  readonly runner: Runner;
  /** Null where all jobs are this process's. */
  readonly sharing: Sharing | null;
  /** Lets go of what it is connected to, once its queue is closed. */
  close(): Promise<void>;
}

/** What a backend is made of. */
export interface BackendOptions {
  readonly dataFolder: string;
  /** The module of the training process, if not the one that trains. */
  readonly trainingWorker?: URL;
}
