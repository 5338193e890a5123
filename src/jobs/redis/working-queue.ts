import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Mutex } from 'async-mutex';
import type { Job, Worker as BullWorker } from 'bullmq';

import { AppError } from '../../errors.ts';
import type { Worker, WorkQueue } from '../ports.ts';
import { bullPrefix } from './keys.ts';
import { readLanes } from './lane-states.ts';
import { inOrder, type LaneState } from './lanes.ts';
import type { JobKeeper } from './job-keeper.ts';
import { loadQueuePackages } from '../optional-packages.ts';

/** How long a worker that is not heard of keeps its job. */
const LOCK_MS = 10_000;
/** How often locks are looked at that nobody renews. */
const STALLED_MS = 3000;
/** How often a worker looks whether its job is to be cancelled, where no message came. */
const BEAT_MS = 1000;
/** How often one that waits looks for a job, where no message came. */
const IDLE_MS = 1000;
/** How long one takes no job that has left one to others: its disk is full, say. */
const PAUSE_MS = 60_000;

/** How long things take, which tests shorten. */
export interface QueueTimes {
  readonly lockMs: number;
  readonly stalledMs: number;
  readonly beatMs: number;
  readonly idleMs: number;
  readonly pauseMs: number;
}
const usualTimes: QueueTimes = {
  ...{ lockMs: LOCK_MS, stalledMs: STALLED_MS, beatMs: BEAT_MS },
  ...{ idleMs: IDLE_MS, pauseMs: PAUSE_MS },
};

interface WorkerPlace {
  readonly keeper: JobKeeper;
  readonly name: string;
  /** Jobs at a time. */
  readonly concurrency: number;
  /** Whether it can work on what waits in a lane. */
  readonly accepts: (lane: string) => boolean;
  /** Which models are here, as `Needs` tells them. */
  readonly knownModels: () => Promise<(model: string) => boolean>;
  /** Told of each job that it begins and ends. */
  readonly onJobs: (ids: readonly string[]) => void;
  readonly times?: Partial<QueueTimes>;
}

/** A job that this worker has taken. */
interface Taken {
  readonly id: string;
  readonly job: Job;
  readonly token: string;
  readonly cancel: AbortController;
  readonly kill: AbortController;
  /** Whether another worker has it now. */
  isLost: boolean;
}

/**
 * The queue as a worker has it. Jobs are fetched one by one and their locks renewed here, not by BullMQ's
 * own loop: which lane is next is this program's choice, and a loop that only asks again cannot stay deaf
 * after an outage of Redis.
 */
export class WorkingQueue implements WorkQueue {
  private readonly place: WorkerPlace;
  private readonly times: QueueTimes;
  private readonly lanes = new Map<string, BullWorker>();
  private readonly taken = new Map<string, Taken>();
  private readonly loops: Promise<void>[] = [];
  private worker: Worker | null = null;
  private readonly closing = new AbortController();
  private wake = new AbortController();
  private readonly looking = new Mutex();
  /** In ms as `performance.now` has it: until then nothing is taken. */
  private pausedUntil = 0;

  constructor(place: WorkerPlace) {
    this.place = place;
    this.times = { ...usualTimes, ...place.times };
  }

  start(worker: Worker): void {
    this.worker = worker;
    for (let i = 0; i < this.place.concurrency; i++) this.loops.push(this.loop(worker));
  }

  /** An order has come: see `keys.orders`. */
  hear(order: string): void {
    const [what, id = ''] = order.split(' ');
    if (what === 'add') this.wake.abort();
    else this.heed(id).catch(() => undefined);
  }

  /** Servers add jobs. */
  add(): Promise<void> {
    return Promise.reject(new Error('a worker adds no jobs'));
  }

  waiting(): readonly string[] {
    return [];
  }

  remove(): Promise<boolean> {
    return Promise.resolve(false);
  }

  cancel(id: string, reason: unknown): Promise<boolean> {
    const taken = this.taken.get(id);
    taken?.cancel.abort(reason);
    return Promise.resolve(taken !== undefined);
  }

  async close(patience: AbortSignal, reason: unknown): Promise<void> {
    this.closing.abort();
    this.wake.abort();
    for (const { cancel } of this.taken.values()) cancel.abort(reason);
    const killAll = () => {
      for (const { kill } of this.taken.values()) kill.abort();
    };
    patience.addEventListener('abort', killAll, { once: true });
    if (patience.aborted) killAll();
    await Promise.all(this.loops);
    patience.removeEventListener('abort', killAll);
    await Promise.all([...this.lanes.values()].map((lane) => lane.close(true)));
  }

  private async loop(worker: Worker): Promise<void> {
    while (!this.closing.signal.aborted) {
      try {
        const isPaused = performance.now() < this.pausedUntil;
        // One look after the other: they take from the same queues.
        const taken = isPaused ? null : await this.looking.runExclusive(() => this.takeNext());
        if (taken) await this.workOn(taken, worker);
        else await this.idle();
      } catch (error) {
        worker.onTrouble(error);
        await this.idle();
      }
    }
  }

  private async idle(): Promise<void> {
    if (this.wake.signal.aborted && !this.closing.signal.aborted) this.wake = new AbortController();
    await sleep(this.times.idleMs, undefined, { signal: this.wake.signal }).catch(() => undefined);
  }

  private async takeNext(): Promise<Taken | null> {
    const all = await readLanes(this.place.keeper.redis);
    const lanes = all.filter(({ lane }) => this.place.accepts(lane));
    await this.leaveAllBut(lanes);
    const has = await this.place.knownModels();
    for (const { lane, waiting } of inOrder(lanes, { has, now: Date.now() })) {
      // Also where none waits: its worker may be gone.
      const queue = await this.open(lane);
      if (waiting === 0) continue;
      const token = randomUUID();
      // Declared to give one always.
      const job = (await queue.getNextJob(token, { block: false })) as Job | undefined;
      if (job?.id === undefined) continue;
      const taken = await this.take(job, job.id, token);
      if (!taken) continue;
      // It can take no other: those who wait look after the rest.
      if (this.taken.size >= this.place.concurrency) await this.leaveAllBut([]);
      return taken;
    }
    return null;
  }

  private async take(job: Job, id: string, token: string): Promise<Taken | null> {
    // It came back to this worker, which has lost it and is about to notice.
    while (this.taken.has(id)) await sleep(this.times.beatMs);
    const owner = { worker: this.place.name, since: new Date().toISOString() };
    const lane = job.queueName;
    if (!(await this.place.keeper.take(id, { lane, token, owner }))) {
      // Deleted meanwhile, or the lock has run out.
      await job.moveToCompleted(null, token, false).catch(() => undefined);
      return null;
    }
    const taken: Taken = {
      ...{ id, job, token, isLost: false },
      ...{ cancel: new AbortController(), kill: new AbortController() },
    };
    this.taken.set(id, taken);
    this.place.onJobs([...this.taken.keys()]);
    return taken;
  }

  private async workOn(taken: Taken, worker: Worker): Promise<void> {
    const { id, job, token, cancel, kill } = taken;
    const ended = new AbortController();
    const beating = this.beat(taken, ended.signal);
    let isLeft = false;
    try {
      await this.heed(id);
      const signals = { cancel: cancel.signal, kill: kill.signal };
      isLeft = (await worker.work(id, signals)) === 'left';
    } catch (error) {
      if (!isTakenOver(error)) worker.onTrouble(error);
      isLeft = this.closing.signal.aborted;
    }
    ended.abort();
    await beating;
    this.taken.delete(id);
    this.place.keeper.release(id);
    this.place.onJobs([...this.taken.keys()]);
    if (taken.isLost) return;
    // What one could not be done of now may stay so for a while.
    if (isLeft) this.pausedUntil = performance.now() + this.times.pauseMs;
    const leaving = isLeft ? job.moveToWait(token) : job.moveToCompleted(null, token, false);
    // Otherwise its lock runs out, and whoever takes it finds it done.
    await leaving.catch(() => undefined);
  }

  /** Keeps a job while it is worked on, and learns whether it is to be cancelled or has another worker. */
  private async beat(taken: Taken, ended: AbortSignal): Promise<void> {
    const { lockMs, beatMs } = this.times;
    while (await slept(beatMs, ended)) {
      try {
        await this.heed(taken.id);
        if ((await taken.job.extendLock(taken.token, lockMs)) !== 1) this.lose(taken);
      } catch (error) {
        // Of an outage: asked again.
        if (isTakenOver(error) || isLockGone(error)) this.lose(taken);
      }
    }
  }

  private lose(taken: Taken): void {
    if (taken.isLost) return;
    taken.isLost = true;
    const reason = new AppError(
      'job.taken-over',
      `job ${taken.id} is another worker's now, as this one was not heard of for too long.`,
    );
    taken.cancel.abort(reason);
    taken.kill.abort(reason);
  }

  /** Cancels a job that somebody wants cancelled. @throws AppError `job.taken-over` */
  private async heed(id: string): Promise<void> {
    const taken = this.taken.get(id);
    if (!taken) return;
    const message = await this.place.keeper.cancellation(id);
    if (message !== null) taken.cancel.abort(new AppError('job.cancelled', message));
  }

  /** Looks no more after queues in which there is nothing. */
  private async leaveAllBut(lanes: readonly LaneState[]): Promise<void> {
    const kept = new Set(lanes.map(({ lane }) => lane));
    for (const { job } of this.taken.values()) kept.add(job.queueName);
    for (const [lane, worker] of this.lanes) {
      if (kept.has(lane)) continue;
      this.lanes.delete(lane);
      await worker.close(true);
    }
  }

  private async open(lane: string): Promise<BullWorker> {
    const known = this.lanes.get(lane);
    if (known) return known;
    const { bullmq } = await loadQueuePackages();
    const options = {
      connection: this.place.keeper.redis,
      prefix: bullPrefix,
      lockDuration: this.times.lockMs,
      stalledInterval: this.times.stalledMs,
      // How often a job is taken up again is this program's to say: `recoverJobs`.
      maxStalledCount: Number.MAX_SAFE_INTEGER,
      autorun: false,
    };
    // Without the second connection that BullMQ's own loop would wait on.
    const worker = new bullmq.Worker(lane, undefined, options, (name, given) =>
      bullmq.createRedisBackend(name, given),
    );
    worker.on('error', () => undefined);
    this.lanes.set(lane, worker);
    await worker.startStalledCheckTimer();
    return worker;
  }
}

/** @returns whether the time passed before the signal */
async function slept(ms: number, signal: AbortSignal): Promise<boolean> {
  return sleep(ms, true, { signal }).catch(() => false);
}

function isTakenOver(error: unknown): boolean {
  return error instanceof AppError && ['job.taken-over', 'job.not-found'].includes(error.code);
}

/** BullMQ's words for a lock that has run out. */
function isLockGone(error: unknown): boolean {
  return (
    error instanceof Error && /missing lock|could not renew lock|lock mismatch/i.test(error.message)
  );
}
