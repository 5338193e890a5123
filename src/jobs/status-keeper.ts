import { Mutex } from 'async-mutex';

import { type JobAction, type JobStatus, nextState } from './job-status.ts';

/** Where a status is kept. */
interface StatusStore {
  writeStatus(status: JobStatus): Promise<void>;
}

/** The status of a job that this process works on: every change of it goes through here. */
export class StatusKeeper {
  private readonly store: StatusStore;
  private readonly writing = new Mutex();
  private status: JobStatus;

  constructor(store: StatusStore, status: JobStatus) {
    this.store = store;
    this.status = status;
  }

  /** As it is. */
  get current(): JobStatus {
    return this.status;
  }

  /** Takes over what another process has written. */
  replace(status: JobStatus): void {
    this.status = status;
  }

  /**
   * Something happened to the job: known at once, and kept when this returns.
   *
   * @throws Error where it cannot happen in this state; of the disk
   */
  async advance(action: JobAction, change: Partial<JobStatus> = {}): Promise<void> {
    await this.change({ ...change, state: nextState(this.status.state, action) });
  }

  /** Remembers something else of it. */
  async change(change: Partial<JobStatus>): Promise<void> {
    this.status = { ...this.status, ...change };
    // Whatever is the newest by then.
    await this.writing.runExclusive(() => this.store.writeStatus(this.status));
  }

  /** Waits until all that is known of it so far is kept, or could not be. */
  async settled(): Promise<void> {
    await this.writing.runExclusive(() => undefined);
  }
}
