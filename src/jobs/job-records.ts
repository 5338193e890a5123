import { AppError } from '../errors.ts';
import { JobRecord } from './job-record.ts';
import type { JobBackend, StoredJob } from './ports.ts';

/** The repository is looked through for what other processes did at most this often. */
const REFRESH_MS = 2000;

/** Jobs that are read at the same time: a server of jobs is far away. */
const READ_AT_ONCE = 20;

type RecordsBackend = Pick<JobBackend, 'repository' | 'runner' | 'sharing'>;

/** All jobs of a repository as the server knows them, those of the command line too. */
export class JobRecords {
  private readonly backend: RecordsBackend;
  private readonly records = new Map<string, JobRecord>();
  /** The revision that each was last read at. */
  private readonly seen = new WeakMap<JobRecord, string>();
  private refreshed = Number.NEGATIVE_INFINITY;
  private refreshing: Promise<void> | null = null;

  constructor(backend: RecordsBackend) {
    this.backend = backend;
  }

  /** Reads every job. */
  async open(): Promise<void> {
    await this.backend.repository.open();
    await this.refresh();
  }

  /** All jobs, the newest first. */
  async all(): Promise<JobRecord[]> {
    await this.refresh();
    return this.known();
  }

  /** Those that are known without looking, the newest first. */
  known(): JobRecord[] {
    return [...this.records.values()].sort(
      (a, b) =>
        b.request.createdAt.localeCompare(a.request.createdAt) || b.id.localeCompare(a.id, 'en'),
    );
  }

  /** @throws AppError `job.not-found` */
  async get(id: string): Promise<JobRecord> {
    if (!this.records.has(id)) await this.look(id);
    const record = this.records.get(id);
    if (record) return record;
    throw new AppError(
      'job.not-found',
      `there is no job ${JSON.stringify(id.slice(0, 100))}. It may have been deleted.`,
    );
  }

  /** Takes up a job that was just made. */
  async add(stored: StoredJob): Promise<JobRecord> {
    const record = await JobRecord.open(stored, this.backend);
    this.records.set(record.id, record);
    return record;
  }

  /** Deletes a job with everything that it has. */
  async delete(record: JobRecord): Promise<void> {
    // Its state is known before it is written: nothing is to be written where the job was.
    await record.status.settled();
    await this.backend.repository.delete(record.id);
    this.records.delete(record.id);
  }

  /** No longer knows a job that another server has deleted. */
  forget(id: string): void {
    this.records.delete(id);
  }

  /** Another server may have made it a moment ago. */
  private async look(id: string): Promise<void> {
    const revisions = await this.backend.repository.revisions();
    const revision = revisions.get(id);
    if (revision !== undefined) await this.readOne(id, revision);
  }

  private async refresh(): Promise<void> {
    if (performance.now() - this.refreshed < REFRESH_MS) return;
    this.refreshing ??= this.readAll().finally(() => {
      this.refreshed = performance.now();
      this.refreshing = null;
    });
    await this.refreshing;
  }

  private async readAll(): Promise<void> {
    const revisions = await this.backend.repository.revisions();
    for (const id of this.records.keys()) {
      if (!revisions.has(id)) this.records.delete(id);
    }
    const all = [...revisions];
    for (let i = 0; i < all.length; i += READ_AT_ONCE) {
      const some = all.slice(i, i + READ_AT_ONCE);
      await Promise.all(some.map(([id, revision]) => this.readOne(id, revision)));
    }
  }

  /** @param revision that it has now; null where it is to be looked at whatever it was */
  private async readOne(id: string, revision: string | null): Promise<void> {
    const known = this.records.get(id);
    if (known) {
      if (revision !== null && this.seen.get(known) === revision) return;
      if (revision !== null) this.seen.set(known, revision);
      // Damaged meanwhile: as one that was found so.
      await known.catchUp().catch(() => this.records.delete(id));
      return;
    }
    // One that is damaged is left alone: it may be of a newer version.
    const found = await this.read(id).catch(() => null);
    // It may have been added meanwhile.
    if (!found || this.records.has(id)) return;
    this.records.set(id, found);
    if (revision !== null) this.seen.set(found, revision);
  }

  private async read(id: string): Promise<JobRecord | null> {
    const stored = await this.backend.repository.find(id);
    return stored && JobRecord.open(stored, this.backend);
  }
}
