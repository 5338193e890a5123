import { Mutex } from 'async-mutex';

import type { Worker, WorkQueue } from '../ports.ts';

interface Work {
  readonly id: string;
  readonly cancel: AbortController;
  readonly kill: AbortController;
  ended: Promise<void>;
}

/** A queue in this process. It ends with it: whoever owns the jobs adds them again. */
export class LocalQueue implements WorkQueue {
  private worker: Worker | null = null;
  private readonly queued: string[] = [];
  private readonly lanes = new Map<string, Work>();
  /** One start after the other: they look at the same lanes. */
  private readonly starting = new Mutex();
  private isClosed = false;

  start(worker: Worker): void {
    this.worker = worker;
  }

  add(id: string): Promise<void> {
    this.queued.push(id);
    this.schedule();
    return Promise.resolve();
  }

  waiting(): readonly string[] {
    return [...this.queued];
  }

  remove(id: string): Promise<boolean> {
    const position = this.queued.indexOf(id);
    if (position < 0) return Promise.resolve(false);
    this.queued.splice(position, 1);
    this.worker?.onMoved(this.waiting());
    return Promise.resolve(true);
  }

  cancel(id: string, reason: unknown): Promise<boolean> {
    const work = [...this.lanes.values()].find((one) => one.id === id);
    work?.cancel.abort(reason);
    return Promise.resolve(work !== undefined);
  }

  async close(patience: AbortSignal, reason: unknown): Promise<void> {
    this.isClosed = true;
    await this.starting.waitForUnlock();
    const all = [...this.lanes.values()];
    for (const { cancel } of all) cancel.abort(reason);
    const killAll = () => {
      for (const { kill } of all) kill.abort();
    };
    patience.addEventListener('abort', killAll, { once: true });
    if (patience.aborted) killAll();
    await Promise.all(all.map(({ ended }) => ended));
    patience.removeEventListener('abort', killAll);
  }

  private schedule(): void {
    const { worker } = this;
    if (!worker) throw new Error('nobody works on the jobs of this queue');
    this.starting
      .runExclusive(() => this.startWhatCan(worker))
      .catch((error: unknown) => {
        worker.onTrouble(error);
      });
  }

  private async startWhatCan(worker: Worker): Promise<void> {
    for (const id of this.waiting()) {
      const lane = await worker.lane(id);
      const position = this.queued.indexOf(id);
      if (this.isClosed || position < 0 || this.lanes.has(lane)) continue;
      this.queued.splice(position, 1);
      const work: Work = {
        id,
        cancel: new AbortController(),
        kill: new AbortController(),
        ended: Promise.resolve(),
      };
      this.lanes.set(lane, work);
      work.ended = worker
        .work(id, { cancel: work.cancel.signal, kill: work.kill.signal })
        // One that is left was ended with the server, which owes it from then on.
        .then(() => undefined)
        .catch((error: unknown) => {
          worker.onTrouble(error);
        })
        .finally(() => {
          this.lanes.delete(lane);
          this.schedule();
        });
      worker.onMoved(this.waiting());
    }
  }
}
