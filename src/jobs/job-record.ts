import { Mutex } from 'async-mutex';

import type { JobState } from '../contract/job-views.ts';
import { conceptName, deriveConcept } from '../erase/anchors.ts';
import type { RecordedEvent } from '../erase/events.ts';
import type { EraseJob } from '../erase/job.ts';
import { messageForFields } from '../remedy.ts';
import type { Device } from '../runtime/device.ts';
import { JobProgress, JobTimeline } from './job-progress.ts';
import { abandonedStatus, isUnderWay, type JobStatus } from './job-status.ts';
import type { JobBackend, StoredJob } from './ports.ts';
import type { JobDraft } from './request/job-draft.ts';
import { StatusKeeper } from './status-keeper.ts';

/** What both a draft and a job say. */
type Request = Pick<
  EraseJob,
  'createdAt' | 'preset' | 'forget' | 'retain' | 'settings' | 'drawingSources'
> &
  Pick<EraseJob, 'concepts' | 'forgetImages' | 'retainImages' | 'shapes' | 'warnings' | 'judges'>;

/** Where it is kept, and what can be told of its work. */
type RecordBackend = Pick<JobBackend, 'sharing'> & {
  readonly runner: Pick<JobBackend['runner'], 'findRunner'>;
};

/** A timeline that goes on growing until it is released. */
interface OpenTimeline {
  readonly timeline: JobTimeline;
  readonly release: () => void;
}

/** A job as the server knows it: all of it is read from where the job is kept. */
export class JobRecord {
  readonly stored: StoredJob;
  readonly draft: JobDraft | null;
  /** Null until it is prepared. */
  job: EraseJob | null;
  progress = new JobProgress();
  readonly status: StatusKeeper;
  /** One thing that is asked of it after the other. */
  readonly actions = new Mutex();
  /** Whether its events are taken in as they come, so that none need be read. */
  isFollowed = false;
  /** Whether another process is running it. */
  isRunElsewhere = false;
  private readonly backend: RecordBackend;
  private timeline: JobTimeline | null = null;
  /** One read of its events after the other. */
  private readonly reading = new Mutex();
  /** Who looks at the timeline; it is forgotten when nobody does. */
  private readers = 0;
  /** Events that were taken in. */
  private eventCount = 0;
  private eventsSize = 0;

  private constructor(
    stored: StoredJob,
    backend: RecordBackend,
    found: { draft: JobDraft | null; job: EraseJob | null; status: JobStatus },
  ) {
    this.stored = stored;
    this.backend = backend;
    this.draft = found.draft;
    this.job = found.job;
    this.status = new StatusKeeper(stored, found.status);
  }

  /**
   * Reads a job.
   *
   * @throws AppError `job.damaged`
   */
  static async open(stored: StoredJob, backend: RecordBackend): Promise<JobRecord> {
    const draft = await stored.readDraft();
    const job = await stored.readJob();
    const record = new JobRecord(stored, backend, {
      draft,
      job,
      status: await stored.readStatus(),
    });
    await record.catchUp();
    return record;
  }

  get id(): string {
    return this.stored.id;
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
    const path = this.job?.model.path ?? this.draft?.model;
    if (path === undefined) throw new Error(`job ${this.id} has neither a job nor a draft`);
    return path;
  }

  get device(): Device | 'auto' {
    return this.job?.device ?? this.draft?.device ?? 'auto';
  }

  get state(): JobState {
    return this.status.current.state;
  }

  /** Whether this server has it in its queue, or works on it. */
  get isOurs(): boolean {
    return this.status.current.queuedAt !== null;
  }

  /** Why it stands still, where it does. */
  get error(): { readonly code: string; readonly message: string } | null {
    switch (this.state) {
      case 'interrupted':
        return (
          this.status.current.interruption ?? {
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

  /** Takes in an event that was just added to the job's. */
  take(event: RecordedEvent): void {
    this.progress.apply(event);
    // A run may have found the name of its result taken.
    if (event.event === 'job' && this.job) this.job = { ...this.job, output: event.output };
    this.timeline?.apply(event);
    this.eventCount += 1;
  }

  /** Takes in what others have added to the job's events, and what they have made of its state. */
  async catchUp(): Promise<void> {
    if (this.isFollowed) return;
    const hasGrown = await this.reading.runExclusive(async () => {
      const size = await this.stored.eventsSize();
      if (size === this.eventsSize) return false;
      for (const event of await this.stored.readEvents(this.eventCount)) this.take(event);
      this.eventsSize = size;
      return true;
    });
    if (this.backend.sharing) return this.followStatus();
    // Whatever else happens to a job brings an event; only of a killed process there is none.
    const mayHaveChanged = hasGrown || isUnderWay(this.state);
    if (mayHaveChanged && !this.isOurs) this.status.replace(await this.findStatus());
  }

  /** Takes over what stands there: whoever owes the job is the queue, not this server. */
  private async followStatus(): Promise<void> {
    const before = this.status.current;
    const status = await this.stored.readStatus();
    this.status.replace(status);
    if (this.job === null || status.state !== before.state) await this.readPrepared();
  }

  /** Reads what is run of it, which was written since. */
  async readPrepared(): Promise<void> {
    this.job = await this.stored.readJob();
  }

  /** The timeline, which goes on growing until it is released. */
  async openTimeline(): Promise<OpenTimeline> {
    this.readers += 1;
    const timeline = await this.reading.runExclusive(async () => {
      if (this.timeline) return this.timeline;
      let events = await this.stored.readEvents();
      // More may have come while they were read.
      while (events.length < this.eventCount) events = await this.stored.readEvents();
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

  /** What stands there, and whether whoever wrote it is still at work. */
  private async findStatus(): Promise<JobStatus> {
    const status = await this.stored.readStatus();
    this.isRunElsewhere =
      this.progress.outcome === null && (await this.backend.runner.findRunner(this.id)) !== null;
    if (!this.isRunElsewhere) return abandonedStatus(status, this.progress.outcome);
    // 0.1.0 runs a job without a word of its state.
    return isUnderWay(status.state) ? status : { ...status, state: this.stateOfRun };
  }

  private get stateOfRun(): 'training' | 'evaluating' {
    return this.progress.phase === 'evaluate' ? 'evaluating' : 'training';
  }
}
