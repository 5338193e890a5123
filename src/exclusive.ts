import type { Mutex, MutexInterface } from 'async-mutex';

/**
 * Does work once a mutex is free, which is held until the work has ended.
 *
 * @param signal gives up waiting; work that has begun goes on
 * @throws the signal's reason; what the work throws
 */
export async function runExclusive<T>(
  mutex: Mutex,
  work: () => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const release = await acquire(mutex, signal);
  try {
    return await work();
  } finally {
    release();
  }
}

/** What acquires a mutex cannot be taken back: one that comes too late is released at once. */
function acquire(mutex: Mutex, signal: AbortSignal): Promise<MutexInterface.Releaser> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const acquired = mutex.acquire();
    const giveUp = () => {
      reject(signal.reason as Error);
      void acquired.then((release) => {
        release();
      });
    };
    signal.addEventListener('abort', giveUp, { once: true });
    void acquired.then((release) => {
      signal.removeEventListener('abort', giveUp);
      resolve(release);
    });
  });
}
