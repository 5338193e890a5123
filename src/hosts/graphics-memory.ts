import { AppError } from '../errors.ts';
import { becomesIdle } from './becomes-idle.ts';
import type { Host } from './host.ts';
import type { HostDebts } from './host-debts.ts';
import type { Patience } from './patience.ts';
import { Turns } from './turns.ts';

interface Borrower {
  /** Gives up waiting for the host. */
  readonly signal: AbortSignal;
  /** Told what a person should know. */
  readonly tell: (message: string) => void;
}

/** The graphics memory that a host's model takes, lent to trainings. */
export class GraphicsMemory {
  private readonly host: Host;
  private readonly debts: HostDebts;
  private readonly patience: Patience;
  private borrowers = 0;
  private isFree = false;
  private readonly turns = new Turns();

  constructor(host: Host, debts: HostDebts, patience: Patience) {
    this.host = host;
    this.debts = debts;
    this.patience = patience;
  }

  /**
   * Sets right what a sidecar that was killed has left in the host; who wants it waits meanwhile.
   *
   * @throws AppError `host.*`, `model.not-found`
   */
  settle(): Promise<void> {
    return this.turns.take(() => this.debts.settle());
  }

  /**
   * Has the host free the memory, once it has finished what it draws. A host that cannot does not
   * hinder the training: it is told, and has less memory.
   *
   * @returns gives the memory back
   * @throws the signal's reason, when it is aborted
   */
  async borrow({ signal, tell }: Borrower): Promise<() => Promise<void>> {
    await this.turns.take(async () => {
      if (!this.isFree) this.isFree = await this.free({ signal, tell });
      this.borrowers += 1;
    }, signal);
    return () =>
      this.turns.take(async () => {
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
    // A turn may be one that waits for the host.
    if (!this.isFree) return;
    await this.turns.take(() => this.takeBackNow());
  }

  /**
   * Does something that the host needs its model for; who wants to borrow the memory waits meanwhile.
   *
   * @param signal gives up waiting for who came before
   * @throws the signal's reason; AppError `host.*`; what the work throws
   */
  keep<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    return this.turns.take(async () => {
      await this.takeBackNow();
      return work();
    }, signal);
  }

  private async takeBackNow(): Promise<void> {
    if (!this.isFree) return;
    await this.reclaimMemory();
    this.isFree = false;
  }

  private async free({ signal, tell }: Borrower): Promise<boolean> {
    const { trainingMs: timeoutMs, pollMs } = this.patience;
    const onBusy = () => {
      tell('The web UI is drawing pictures: training begins when it has finished.');
    };
    try {
      if (!(await becomesIdle(this.host, { timeoutMs, pollMs, signal, onBusy }))) {
        tell('The web UI is still drawing pictures: training begins beside it.');
        return false;
      }
      await this.debts.oweMemory(true);
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
    await this.debts.oweMemory(false);
  }
}
