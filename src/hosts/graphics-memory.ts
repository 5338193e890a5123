import { Mutex } from 'async-mutex';

import { AppError } from '../errors.ts';
import { runExclusive } from '../exclusive.ts';
import { becomesIdle } from './becomes-idle.ts';
import type { Host } from './host.ts';
import type { HostJournal } from './host-journal.ts';
import type { HostTimeouts } from './host-timeouts.ts';

interface Borrower {
  /** Gives up waiting for the host. */
  readonly signal: AbortSignal;
  /** Told what a person should know. */
  readonly tell: (message: string) => void;
}

/** The graphics memory that a host's model takes, lent to trainings. */
export class GraphicsMemory {
  private readonly host: Host;
  private readonly journal: HostJournal;
  private readonly timeouts: HostTimeouts;
  private borrowers = 0;
  private isFree = false;
  private readonly mutex = new Mutex();

  constructor(host: Host, journal: HostJournal, timeouts: HostTimeouts) {
    this.host = host;
    this.journal = journal;
    this.timeouts = timeouts;
  }

  /**
   * Gives back what a sidecar that was killed has borrowed; who wants the memory waits meanwhile.
   *
   * @param settleModel what else is set right before anyone may borrow
   * @throws AppError `host.*`, and what `settleModel` throws
   */
  settle(settleModel: () => Promise<void> = () => Promise.resolve()): Promise<void> {
    return this.mutex.runExclusive(async () => {
      const { memoryIsLent } = await this.journal.read();
      try {
        if (memoryIsLent) await this.host.reclaimMemory();
      } finally {
        // What cannot be set right is owed no more: a host that is down has lost it too.
        if (memoryIsLent) await this.journal.update(() => ({ memoryIsLent: false }));
      }
      await settleModel();
    });
  }

  /**
   * Has the host free the memory, once it has finished what it draws. A host that cannot does not
   * hinder the training: it is told, and has less memory.
   *
   * @returns gives the memory back
   * @throws the signal's reason, when it is aborted
   */
  async borrow({ signal, tell }: Borrower): Promise<() => Promise<void>> {
    const lend = async () => {
      if (!this.isFree) this.isFree = await this.free({ signal, tell });
      this.borrowers += 1;
    };
    await runExclusive(this.mutex, lend, signal);
    return () =>
      this.mutex.runExclusive(async () => {
        this.borrowers -= 1;
        if (this.borrowers === 0) await this.takeBack(tell);
      });
  }

  /** Whether trainings have it, and the host does without. */
  get isLent(): boolean {
    return this.isFree;
  }

  /** Has the host take its model back now, since somebody wants it. */
  async reclaim(): Promise<void> {
    // Whoever holds the mutex may be one that waits for the host.
    if (!this.isFree) return;
    await this.mutex.runExclusive(() => this.takeBackNow());
  }

  /**
   * Does something that the host needs its model for; who wants to borrow the memory waits meanwhile.
   *
   * @param signal gives up waiting for who came before
   * @throws the signal's reason; AppError `host.*`; what the work throws
   */
  keep<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const keepAndWork = async () => {
      await this.takeBackNow();
      return work();
    };
    return runExclusive(this.mutex, keepAndWork, signal);
  }

  private async takeBackNow(): Promise<void> {
    if (!this.isFree) return;
    await this.reclaimMemory();
    this.isFree = false;
  }

  private async free({ signal, tell }: Borrower): Promise<boolean> {
    const { trainingMs: timeoutMs, pollMs } = this.timeouts;
    const onBusy = () => {
      tell('The web UI is drawing pictures: training begins when it has finished.');
    };
    try {
      if (!(await becomesIdle(this.host, { timeoutMs, pollMs, signal, onBusy }))) {
        tell('The web UI is still drawing pictures: training begins beside it.');
        return false;
      }
      await this.journal.update(() => ({ memoryIsLent: true }));
      await this.host.freeMemory();
      return true;
    } catch (error) {
      if (signal.aborted || !(error instanceof AppError)) throw error;
      tell(`The web UI was not asked to free its graphics memory: ${error.message}`);
      return false;
    }
  }

  private async takeBack(tell: Borrower['tell']): Promise<void> {
    if (!this.isFree) return;
    this.isFree = false;
    try {
      await this.reclaimMemory();
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      tell(`The web UI could not take its model back into the graphics memory: ${error.message}`);
    }
  }

  private async reclaimMemory(): Promise<void> {
    await this.host.reclaimMemory();
    await this.journal.update(() => ({ memoryIsLent: false }));
  }
}
