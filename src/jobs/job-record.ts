import { stat } from 'node:fs/promises';
import path from 'node:path';

import type { JobState } from '../contract/job-views.ts';
import { conceptName, deriveConcept } from '../erase/anchors.ts';
import type { RecordedEvent } from '../erase/events.ts';
import type { EraseJob } from '../erase/job.ts';
import type { Device } from '../runtime/device.ts';
import { messageForFields } from '../remedy.ts';
import { pathExists } from '../checkpoint/output-path.ts';
import { EventLog } from './local/event-log.ts';
import { type JobDraft, readDraft } from './request/job-draft.ts';
import { openJobFolder } from './local/job-folder.ts';
import { findJobRunner } from './local/job-lock.ts';
import { JobProgress, JobTimeline } from './job-progress.ts';
import { readServerState, type ServerState, writeServerState } from './local/server-state.ts';

/** What both a draft and a job say. */
type Request = Pick<EraseJob, 'createdAt' | 'preset' | 'forget' | 'retain' | 'settings'> &
  Pick<EraseJob, 'forgetImages' | 'retainImages' | 'warnings' | 'judges'>;

/** A timeline that goes on growing until it is released. */
interface OpenTimeline {
  readonly timeline: JobTimeline;
  readonly release: () => void;
}

/** A job as the server knows it: all of it is read from the job's folder. */
export class JobRecord {
  readonly id: string;
  readonly events: EventLog;
  readonly draft: JobDraft | null;
  /** Null until it is prepared. */
  job: EraseJob | null;
  server: ServerState;
  progress = new JobProgress();
  /** What this server is doing with it. */
  activity: 'preparing' | 'running' | null = null;
  /** Whether another process is running it. */
  isRunElsewhere = false;
  private timeline: JobTimeline | null = null;
  /** Reads of the timeline, one after the other. */
  private reading: Promise<unknown> = Promise.resolve();
  /** Who looks at the timeline; it is forgotten when nobody does. */
  private readers = 0;
  /** Events that were taken in. */
  private eventCount = 0;
  private eventBytes = 0;

  private constructor(
    folder: string,
    found: { draft: JobDraft | null; job: EraseJob | null; server: ServerState },
  ) {
    this.id = path.basename(folder);
    this.events = new EventLog(folder);
    this.draft = found.draft;
    this.job = found.job;
    this.server = found.server;
  }

  /**
   * Reads a job's folder; null for one that is no job, or none yet.
   *
   * @throws AppError `job.damaged`
   */
  static async open(folder: string): Promise<JobRecord | null> {
    const draft = await readDraft(folder);
    const job = await readJob(folder);
    if (!draft && !job) return null;
    const record = new JobRecord(folder, { draft, job, server: await readServerState(folder) });
    await record.catchUp();
    return record;
  }

  get folder(): string {
    return this.events.path;
  }

  get request(): Request {
    const request = this.job ?? this.draft;
    if (!request) throw new Error(`job ${this.id} has neither a job nor a draft`);
    return request;
  }

  get concept(): string {
    return (
      this.draft?.concept ??
      conceptName(
        deriveConcept(
          this.request.forget.map(({ prompt }) => prompt),
          this.request.retain,
        ),
      )
    );
  }

  /** Path of the original. */
  get modelPath(): string {
    return this.job?.model.path ?? this.draft?.model ?? '';
  }

  get device(): Device | 'auto' {
    return this.job?.device ?? this.draft?.device ?? 'auto';
  }

  get state(): JobState {
    const running = this.progress.phase === 'evaluate' ? 'evaluating' : 'training';
    if (this.server.queuedAt !== null) {
      if (this.activity === 'running') return running;
      return this.activity ?? 'queued';
    }
    if (this.isRunElsewhere) return running;
    const { outcome } = this.progress;
    if (this.server.interruption !== null || outcome === null) return 'interrupted';
    if (outcome.kind === 'done') return 'done';
    return outcome.event.code === 'job.cancelled' ? 'cancelled' : 'failed';
  }

  /** Why it stands still, where it does. */
  get error(): { readonly code: string; readonly message: string } | null {
    switch (this.state) {
      case 'interrupted':
        return (
          this.server.interruption ?? {
            code: 'job.cancelled',
            message: `job ${this.id} was interrupted, by a crash or because the machine was switched off. Resume it: it goes on from where it last saved its state.`,
          }
        );
      case 'failed':
      case 'cancelled': {
        const { outcome } = this.progress;
        if (outcome?.kind !== 'error') return null;
        const { code, message, remedy } = outcome.event;
        return { code, message: messageForFields(message, remedy) };
      }
      case 'queued':
      case 'preparing':
      case 'training':
      case 'evaluating':
      case 'done':
        return null;
    }
  }

  /** Takes in an event that was just added to the folder's. */
  take(event: RecordedEvent): void {
    this.progress.apply(event);
    // A run may have found the name of its result taken.
    if (event.event === 'job' && this.job) this.job = { ...this.job, output: event.output };
    this.timeline?.apply(event);
    this.eventCount += 1;
  }

  /** Takes in what others have added to the folder's events. */
  async catchUp(): Promise<void> {
    if (this.activity === 'running') return;
    await this.exclusively(async () => {
      const size = await this.eventsSize();
      if (size !== this.eventBytes) {
        const events = await this.events.readEvents();
        for (const event of events.slice(this.eventCount)) this.take(event);
        this.eventBytes = size;
      }
    });
    this.isRunElsewhere =
      this.activity === null &&
      this.progress.outcome === null &&
      (await findJobRunner(this.folder)) !== null;
  }

  /** Reads `job.yaml`, which was written since. */
  async readPrepared(): Promise<void> {
    this.job = await readJob(this.folder);
  }

  async remember(change: Partial<ServerState>): Promise<void> {
    this.server = { ...this.server, ...change };
    await writeServerState(this.folder, this.server);
  }

  /** The timeline, which goes on growing until it is released. */
  async openTimeline(): Promise<OpenTimeline> {
    this.readers += 1;
    const timeline = await this.exclusively(async () => {
      if (this.timeline) return this.timeline;
      let events = await this.events.readEvents();
      // More may have come while they were read.
      while (events.length < this.eventCount) events = await this.events.readEvents();
      const read = new JobTimeline();
      for (const event of events.slice(0, this.eventCount)) read.apply(event);
      this.timeline = read;
      return read;
    });
    return {
      timeline,
      release: () => {
        this.readers -= 1;
        if (this.readers === 0) this.timeline = null;
      },
    };
  }

  private async eventsSize(): Promise<number> {
    const found = await stat(path.join(this.folder, 'events.ndjson')).catch(() => null);
    return found?.size ?? 0;
  }

  private exclusively<T>(work: () => Promise<T>): Promise<T> {
    const done = this.reading.then(work);
    this.reading = done.catch(() => undefined);
    return done;
  }
}

async function readJob(folder: string): Promise<EraseJob | null> {
  if (!(await pathExists(path.join(folder, 'job.yaml')))) return null;
  return (await openJobFolder('', folder)).job;
}
