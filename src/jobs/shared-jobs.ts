import { AppError } from '../errors.ts';
import type { JobChange } from './job-listeners.ts';
import type { JobRecord } from './job-record.ts';
import type { JobRecords } from './job-records.ts';
import { isUnderWay } from './job-status.ts';
import type { Sharing, WorkQueue } from './ports.ts';

/** How often it is looked for jobs that nobody has. */
const OWED_MS = 5000;

interface SharedTools {
  readonly sharing: Sharing;
  readonly records: JobRecords;
  readonly queue: WorkQueue;
  readonly announce: (id: string, what: JobChange) => void;
  /** A scrubbed model came. */
  readonly onResult: () => void;
  readonly onTrouble: (error: unknown) => void;
}

/** Jobs that workers elsewhere do and other servers have too: what happens to them is followed. */
export class SharedJobs {
  private readonly tools: SharedTools;
  /** Jobs of which news came, and whether more came while they were read. */
  private readonly reading = new Map<string, boolean>();
  /** Jobs that nobody had at the last look. */
  private missing: ReadonlySet<string> = new Set();
  private timer: NodeJS.Timeout | null = null;
  private isClosed = false;

  constructor(tools: SharedTools) {
    this.tools = tools;
  }

  /** Follows all jobs from now on. */
  open(): void {
    const { sharing, records } = this.tools;
    sharing.follow({
      changed: (id) => {
        this.read(id, 'state');
      },
      grew: (id) => {
        this.read(id, 'growth');
      },
    });
    this.timer = setInterval(() => {
      this.addOwed().catch((error: unknown) => {
        this.trouble(error);
      });
    }, OWED_MS);
    for (const record of records.known()) void this.fetch(record);
  }

  close(): void {
    this.isClosed = true;
    if (this.timer) clearInterval(this.timer);
  }

  /** Before a job goes on: what it failed of may be that the store has lost or damaged something. */
  restore({ id, error }: JobRecord): Promise<void> {
    return this.tools.sharing.restore(id, error?.code === 'artifact.damaged');
  }

  private read(id: string, what: JobChange): void {
    if (this.reading.has(id)) {
      this.reading.set(id, true);
      return;
    }
    this.reading.set(id, false);
    this.readNow(id, what)
      .catch((error: unknown) => {
        this.trouble(error);
      })
      .finally(() => {
        const isMore = this.reading.get(id);
        this.reading.delete(id);
        if (isMore && !this.isClosed) this.read(id, 'state');
      });
  }

  private async readNow(id: string, what: JobChange): Promise<void> {
    const record = await this.tools.records.get(id).catch(() => null);
    const before = record?.state;
    await record?.catchUp().catch((error: unknown) => {
      if (!(error instanceof AppError) || error.code !== 'job.not-found') throw error;
      this.tools.records.forget(id);
    });
    const isOther = what === 'state' || record?.state !== before;
    this.tools.announce(id, isOther ? 'state' : 'growth');
    if (record) await this.fetch(record);
  }

  private async fetch(record: JobRecord): Promise<void> {
    if (record.state !== 'done') return;
    try {
      if (!(await this.tools.sharing.fetchResults(record.id))) return;
      await record.readPrepared();
      this.tools.onResult();
      this.tools.announce(record.id, 'state');
    } catch (error) {
      this.trouble(error);
    }
  }

  /** A server that ended between making a job and queueing it, or Redis, may have lost its place. */
  private async addOwed(): Promise<void> {
    const { records, queue, sharing } = this.tools;
    const owed = (await records.all()).filter(
      ({ id, state, isOurs }) => isOurs && isUnderWay(state) && !sharing.isQueued(id),
    );
    const again = owed.filter(({ id }) => this.missing.has(id));
    this.missing = new Set(owed.map(({ id }) => id));
    for (const { id } of again) await queue.add(id);
  }

  /** Of a server that ends nobody need hear. */
  private trouble(error: unknown): void {
    if (!this.isClosed) this.tools.onTrouble(error);
  }
}

/** @throws AppError `settings.invalid` for what a worker cannot do */
export function requireWorkable(pictures: string): void {
  if (pictures !== 'host') return;
  throw new AppError(
    'settings.invalid',
    'the web UI cannot draw for workers on other machines. Have the pictures drawn by them: pictures "sidecar".',
  );
}

/** Attacks look for what comes back of a result, with the model beside it: where both are. */
export function attacksElsewhere(id: string): AppError {
  return new AppError(
    'job.wrong-state',
    `job ${id} was made by workers, which do not attack results. Attack it from the command line: erase-concept attack.`,
  );
}
