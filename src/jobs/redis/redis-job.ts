import type { RecordedEvent } from '../../erase/events.ts';
import { type EraseJob, jobSchema } from '../../erase/job.ts';
import { upgradeJob } from '../../erase/stored-job.ts';
import { AppError } from '../../errors.ts';
import { type JobStatus, statusSchema } from '../job-status.ts';
import type { StoredJob } from '../ports.ts';
import { type JobDraft, parseDraft } from '../request/job-draft.ts';
import { jobGone, type JobKeeper } from './job-keeper.ts';
import { mapDraft, mapEvent, mapJob } from './map-paths.ts';
import type { Places } from './places.ts';

/** A job in Redis, its paths as this machine has them. */
export class RedisJob implements StoredJob {
  readonly id: string;
  private readonly keeper: JobKeeper;
  private readonly places: Places;
  /** Events that are on their way: each is added after the one before. */
  private adding: Promise<void> = Promise.resolve();

  constructor(id: string, keeper: JobKeeper, places: Places) {
    this.id = id;
    this.keeper = keeper;
    this.places = places;
  }

  async readDraft(): Promise<JobDraft | null> {
    const [json] = await this.keeper.read(this.id, ['draft']);
    if (json == null) return null;
    return mapDraft(
      this.parsed(() => parseDraft(JSON.parse(json))),
      (file) => this.places.toLocal(file),
    );
  }

  async readJob(): Promise<EraseJob | null> {
    const [json] = await this.keeper.read(this.id, ['job']);
    if (json == null) return null;
    return mapJob(
      this.parsed(() => jobSchema.parse(upgradeJob(JSON.parse(json)))),
      (file) => this.places.toLocal(file),
    );
  }

  /** Keeps what is run of it. @throws AppError `job.taken-over` */
  async writeJob(job: EraseJob): Promise<void> {
    const kept = mapJob(job, (file) => this.places.toKept(file));
    await this.keeper.write(this.id, { job: JSON.stringify(kept) }, 'state');
  }

  async readStatus(): Promise<JobStatus> {
    const [json] = await this.keeper.read(this.id, ['status']);
    if (json == null) throw jobGone(this.id);
    return this.parsed(() => statusSchema.parse(JSON.parse(json)));
  }

  async writeStatus(status: JobStatus): Promise<void> {
    await this.adding;
    await this.keeper.write(this.id, { status: JSON.stringify(status) }, 'state');
  }

  async eventsSize(): Promise<number> {
    await this.adding;
    return this.keeper.countEvents(this.id);
  }

  async readEvents(after = 0): Promise<RecordedEvent[]> {
    await this.adding;
    const events = await this.keeper.events(this.id, after);
    return events.map((event) => mapEvent(event, (file) => this.places.toLocal(file)));
  }

  mendEvents(): Promise<void> {
    return Promise.resolve();
  }

  appendEvent(event: RecordedEvent): RecordedEvent {
    const recorded = { ...event, time: event.time ?? new Date().toISOString() };
    this.adding = this.adding.then(async () => {
      await this.addEvents(await this.keeper.countEvents(this.id), [recorded]);
    });
    // Whoever reads or writes next is told of it.
    this.adding.catch(() => undefined);
    return recorded;
  }

  /** See `JobKeeper.append`. */
  addEvents(after: number, events: readonly RecordedEvent[]): Promise<number> {
    const kept = events.map((event) => mapEvent(event, (file) => this.places.toKept(file)));
    return this.keeper.append(this.id, after, kept);
  }

  private parsed<T>(parse: () => T): T {
    try {
      return parse();
    } catch (cause) {
      throw new AppError(
        'job.damaged',
        `what the queue keeps of job ${this.id} cannot be read by this version. Use the version that made it, or delete the job.`,
        { cause },
      );
    }
  }
}
