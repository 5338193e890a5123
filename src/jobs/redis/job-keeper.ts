import type { Redis } from 'ioredis';

import type { RecordedEvent } from '../../erase/events.ts';
import { AppError } from '../../errors.ts';
import type { JobChange } from '../job-listeners.ts';
import { type JobField, keys } from './keys.ts';

/** Whether somebody may write: a worker the last of those who took a job, and anyone else. */
const checked = `
if redis.call('EXISTS', KEYS[1]) == 0 then return 'gone' end
if ARGV[1] ~= '' and redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then return 'lost' end`;
/** A job is another one now, which others are told. */
const told = `
redis.call('HINCRBY', KEYS[2], ARGV[2], 1)
redis.call('PUBLISH', KEYS[3], ARGV[3] .. ' ' .. ARGV[2])`;

const writeScript = `${checked}
for i = 4, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
${told}
return 'ok'`;

/** Events after those that there should be: a command that is sent twice adds nothing twice. */
const appendScript = `${checked}
local length = redis.call('XLEN', KEYS[4])
local after = tonumber(ARGV[4])
if length >= after then
  for i = 5 + length - after, #ARGV do
    length = length + 1
    redis.call('XADD', KEYS[4], length .. '-0', 'e', ARGV[i])
  end
end
${told}
return length`;

const takeScript = `
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return false end
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
redis.call('HSET', KEYS[1], 'owner', ARGV[2])
return redis.call('HINCRBY', KEYS[1], 'fence', 1)`;

const beatScript = `
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then return 'lost' end
return { redis.call('HGET', KEYS[1], 'cancel') }`;

/**
 * Jobs in Redis as hashes and streams. A worker takes a job with a number that only grows, its fence, and
 * writes with it: one that was away while another took the job is refused whatever it writes.
 */
export class JobKeeper {
  readonly redis: Redis;
  /** Of the jobs that this process works on. */
  private readonly fences = new Map<string, number>();
  /** Whether it may write without one: a server does, a worker does not. */
  private readonly isFenced: boolean;

  constructor(redis: Redis, { isFenced }: { isFenced: boolean }) {
    this.redis = redis;
    this.isFenced = isFenced;
  }

  /** Fields of a job; null for one that is not there. */
  async read(id: string, fields: readonly JobField[]): Promise<(string | null)[]> {
    return this.redis.hmget(keys.job(id), ...fields);
  }

  /** Makes a job, unless there is one of that id. @returns whether it did */
  async create(id: string, fields: Readonly<Partial<Record<JobField, string>>>): Promise<boolean> {
    if ((await this.redis.hsetnx(keys.jobs, id, '0')) === 0) return false;
    await this.redis.hset(keys.job(id), { fence: '0', ...fields });
    await this.write(id, {}, 'state');
    return true;
  }

  /**
   * Writes fields of a job and tells of it.
   *
   * @throws AppError `job.taken-over`, `job.not-found`
   */
  async write(
    id: string,
    fields: Readonly<Partial<Record<JobField, string>>>,
    change: JobChange,
  ): Promise<void> {
    const reply = await this.redis.eval(
      writeScript,
      3,
      ...[keys.job(id), keys.jobs, keys.changes],
      ...[this.fence(id), id, change, ...Object.entries(fields).flat()],
    );
    requireTaken(id, reply);
  }

  /**
   * Adds events to those that there are.
   *
   * @param after how many there should be; where there are more, as many of these are left out, and where
   *   there are fewer, nothing is added
   * @returns how many there are then
   * @throws AppError as `write`
   */
  async append(id: string, after: number, events: readonly RecordedEvent[]): Promise<number> {
    const reply = await this.redis.eval(
      appendScript,
      4,
      ...[keys.job(id), keys.jobs, keys.changes, keys.events(id)],
      ...[this.fence(id), id, 'growth', String(after)],
      ...events.map((event) => JSON.stringify(event)),
    );
    requireTaken(id, reply);
    return Number(reply);
  }

  /** Events after the first so many. */
  async events(id: string, after: number): Promise<RecordedEvent[]> {
    const entries = await this.redis.xrange(keys.events(id), `(${after}-0`, '+');
    return entries.map(([, [, json]]) => JSON.parse(json ?? 'null') as RecordedEvent);
  }

  /** How many events there are. */
  countEvents(id: string): Promise<number> {
    return this.redis.xlen(keys.events(id));
  }

  /**
   * Takes a job for this process, which has BullMQ's lock on it; whoever had it before can write no more.
   *
   * @returns whether the lock is still its own
   */
  async take(id: string, { lane, token, owner }: Taking): Promise<boolean> {
    const place = [keys.job(id), keys.lock(lane, id)];
    const fence = await this.redis.eval(takeScript, 2, ...place, token, JSON.stringify(owner));
    if (fence === null) return false;
    this.fences.set(id, Number(fence));
    return true;
  }

  /** The message with which a job is to be cancelled that this process works on; null for none. @throws as `write` */
  async cancellation(id: string): Promise<string | null> {
    const reply = await this.redis.eval(beatScript, 1, keys.job(id), this.fence(id));
    requireTaken(id, reply);
    return (reply as (string | null)[])[0] ?? null;
  }

  /** No longer works on a job. */
  release(id: string): void {
    this.fences.delete(id);
  }

  async delete(id: string): Promise<void> {
    await this.redis.del(keys.job(id), keys.events(id));
    await this.redis.hdel(keys.jobs, id);
    await this.redis.publish(keys.changes, `state ${id}`);
  }

  private fence(id: string): string {
    const fence = this.fences.get(id);
    if (fence !== undefined) return String(fence);
    if (this.isFenced) throw takenOver(id);
    return '';
  }
}

/** How a job is taken. */
interface Taking {
  readonly lane: string;
  /** Of BullMQ's lock. */
  readonly token: string;
  readonly owner: { readonly worker: string; readonly since: string };
}

function requireTaken(id: string, reply: unknown): void {
  if (reply === 'lost') throw takenOver(id);
  if (reply === 'gone') throw jobGone(id);
}

/** What was asked of a job that somebody has deleted. */
export function jobGone(id: string): AppError {
  return new AppError('job.not-found', `there is no job "${id}" any more: it was deleted.`);
}

function takenOver(id: string): AppError {
  return new AppError(
    'job.taken-over',
    `another worker has taken job ${id} over, as this one was not heard of for too long. What it did since is dropped.`,
  );
}
