import type { Redis } from 'ioredis';

import { AppError } from '../../errors.ts';
import { loadQueuePackages } from '../optional-packages.ts';

/** How long the server may take to answer at the start. */
const CONNECT_TIMEOUT_MS = 10_000;
/** The longest wait between two attempts to reach it again. */
const MAX_RETRY_MS = 1000;

/**
 * Connects to the server of a queue. Once it was reached, it is waited for whenever it is gone.
 *
 * @param url `redis://` or, with TLS, `rediss://`, with `user:password@` where it asks for them
 * @throws AppError `queue.unavailable`, `package.missing`
 */
export async function connectRedis(url: URL): Promise<Redis> {
  const { ioredis } = await loadQueuePackages();
  const failures: Error[] = [];
  let isOpen = false;
  const redis = new ioredis.Redis(url.href, {
    lazyConnect: true,
    // What is asked while it is gone is asked again when it is back.
    maxRetriesPerRequest: null,
    enableAutoPipelining: true,
    connectTimeout: CONNECT_TIMEOUT_MS,
    retryStrategy: (times) => (isOpen ? Math.min(times * 100, MAX_RETRY_MS) : null),
  });
  // Each attempt that fails tells of it; without a listener it would end the process.
  redis.on('error', (error: Error) => {
    if (!isOpen) failures.push(error);
  });
  try {
    await redis.connect();
    await redis.ping();
    isOpen = true;
    await requireKeeping(redis);
    return redis;
  } catch (cause) {
    redis.disconnect();
    if (cause instanceof AppError) throw cause;
    const reason = (failures.at(-1) ?? (cause as Error)).message;
    throw new AppError(
      'queue.unavailable',
      `the queue at ${placeOf(url)} cannot be used: ${reason}. Start Redis or Valkey there, or give another address with --queue.`,
      { cause },
    );
  }
}

/** A server that throws away what it has no room for would lose jobs. */
async function requireKeeping(redis: Redis): Promise<void> {
  const memory = await redis.info('memory');
  const [, policy] = /^maxmemory_policy:(\S+)/m.exec(memory) ?? [];
  if (policy === undefined || policy === 'noeviction') return;
  throw new AppError(
    'queue.unavailable',
    `this Redis throws away what it has no room for (maxmemory-policy ${policy}), and so would lose jobs. Set its maxmemory-policy to noeviction.`,
  );
}

/** The address without what is secret in it. */
function placeOf({ hostname, port }: URL): string {
  return port === '' ? hostname : `${hostname}:${port}`;
}
