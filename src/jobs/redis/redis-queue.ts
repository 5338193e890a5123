import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';

import type { Worker, WorkQueue } from '../ports.ts';
import { bullPrefix, keys } from './keys.ts';
import type { JobKeeper } from './job-keeper.ts';
import { readLanes } from './lane-states.ts';
import { loadQueuePackages } from '../optional-packages.ts';

/** How often a server looks which jobs wait, where nothing tells it. */
const LOOK_MS = 2000;

/** The queue as servers have it: jobs wait for workers, which are elsewhere. */
export class RedisQueue implements WorkQueue {
  private readonly keeper: JobKeeper;
  private readonly opened = new Map<string, Promise<Queue>>();
  private worker: Worker | null = null;
  private queued: readonly string[] = [];
  /** Those that are worked on. */
  private active: ReadonlySet<string> = new Set();
  private timer: NodeJS.Timeout | null = null;
  private looking: Promise<void> | null = null;

  constructor(keeper: JobKeeper) {
    this.keeper = keeper;
  }

  start(worker: Worker): void {
    this.worker = worker;
    this.timer = setInterval(() => {
      this.look().catch((error: unknown) => {
        worker.onTrouble(error);
      });
    }, LOOK_MS);
  }

  /** One that waits or is worked on already stays where it is. */
  async add(id: string): Promise<void> {
    const [lane] = await this.keeper.read(id, ['lane']);
    if (lane == null) throw new Error(`job ${id} says of no queue that it waits there`);
    await this.redis.hdel(keys.job(id), 'cancel');
    await this.put(lane, id);
    await this.look();
  }

  waiting(): readonly string[] {
    return this.queued;
  }

  /** Whether a job waits or is worked on, as far as is known. */
  has(id: string): boolean {
    return this.active.has(id) || this.queued.includes(id);
  }

  async remove(id: string): Promise<boolean> {
    const queue = await this.queueOf(id);
    const job = await queue?.getJob(id);
    if (!job || (await job.isActive())) return false;
    try {
      await job.remove();
    } catch {
      // A worker has just taken it.
      return false;
    }
    await this.look();
    return true;
  }

  async cancel(id: string, reason: unknown): Promise<boolean> {
    const queue = await this.queueOf(id);
    const job = await queue?.getJob(id);
    if (!job) return false;
    const message = reason instanceof Error ? reason.message : String(reason);
    // Whoever works on it looks there every second, should it miss the message.
    await this.redis.hset(keys.job(id), { cancel: message });
    await this.redis.publish(keys.orders, `cancel ${id}`);
    return true;
  }

  async close(): Promise<void> {
    if (this.timer) clearInterval(this.timer);
    await this.looking;
    const queues = await Promise.all(this.opened.values());
    await Promise.all(queues.map((queue) => queue.close()));
  }

  /** BullMQ's own queues in which there is anything. */
  async queues(): Promise<Queue[]> {
    const lanes = await readLanes(this.redis);
    return Promise.all(lanes.map(({ lane }) => this.open(lane)));
  }

  /** Finds out which jobs wait. */
  look(): Promise<void> {
    this.looking ??= this.readAll().finally(() => {
      this.looking = null;
    });
    return this.looking;
  }

  private get redis(): Redis {
    return this.keeper.redis;
  }

  private async readAll(): Promise<void> {
    const lanes = await this.redis.smembers(keys.lanes);
    const read = (list: string) =>
      Promise.all(
        lanes.map((lane) => this.redis.lrange(`${bullPrefix}:${lane}:${list}`, 0, -1)),
      ).then((ids) => ids.flat());
    const [wait, active] = await Promise.all([read('wait'), read('active')]);
    this.active = new Set(active);
    // The next one is the last of the list.
    const queued = wait.reverse();
    if (queued.join() === this.queued.join()) return;
    this.queued = queued;
    this.worker?.onMoved(queued);
  }

  private async put(lane: string, id: string): Promise<void> {
    const queue = await this.open(lane);
    await queue.add('erase', {}, { jobId: id, removeOnComplete: true, removeOnFail: true });
    // Not before: a queue in which there is nothing is taken off the list.
    await this.redis.sadd(keys.lanes, lane);
    await this.redis.publish(keys.orders, 'add');
  }

  private async queueOf(id: string): Promise<Queue | null> {
    const [lane] = await this.keeper.read(id, ['lane']);
    return lane == null ? null : this.open(lane);
  }

  private open(lane: string): Promise<Queue> {
    const known = this.opened.get(lane);
    if (known) return known;
    const opening = loadQueuePackages().then(({ bullmq }) => {
      const queue = new bullmq.Queue(lane, { connection: this.redis, prefix: bullPrefix });
      queue.on('error', () => undefined);
      return queue;
    });
    this.opened.set(lane, opening);
    return opening;
  }
}
