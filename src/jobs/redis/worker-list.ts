import type { Redis } from 'ioredis';
import { z } from 'zod';

import { type WorkerView, workerViewSchema } from '../../contract/worker-view.ts';
import { keys } from './keys.ts';

/** How often a worker tells that it is there, */
export const TELL_MS = 3000;
/** and after which time one is not that has not. */
const GONE_MS = 15_000;

const toldSchema = z.object({ seen: z.number(), view: workerViewSchema });

/** Tells that a worker is there, and what it does. */
export async function tellOfWorker(redis: Redis, view: WorkerView): Promise<void> {
  await redis.hset(keys.workers, view.name, JSON.stringify({ seen: Date.now(), view }));
}

/** Takes a worker that ends off the list. */
export async function forgetWorker(redis: Redis, name: string): Promise<void> {
  await redis.hdel(keys.workers, name);
}

/** All workers that are there, by name; those that are gone are forgotten. */
export async function listWorkers(redis: Redis): Promise<WorkerView[]> {
  const all = Object.entries(await redis.hgetall(keys.workers));
  const there: WorkerView[] = [];
  for (const [name, json] of all) {
    const { data } = toldSchema.safeParse(JSON.parse(json));
    if (data && Date.now() - data.seen < GONE_MS) there.push(data.view);
    else await forgetWorker(redis, name);
  }
  return there.sort((a, b) => a.name.localeCompare(b.name, 'en'));
}
