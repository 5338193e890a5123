import { setTimeout as sleep } from 'node:timers/promises';

import type { Host } from './host.ts';

interface Waiting {
  readonly timeoutMs: number;
  readonly pollMs: number;
  readonly signal?: AbortSignal;
  /** Told once, before it is waited. */
  readonly onBusy?: () => void;
}

/**
 * Waits until a host draws nothing.
 *
 * @returns false if it still did when the time was over
 * @throws the signal's reason, when it is aborted
 */
export async function becomesIdle(
  host: Host,
  { timeoutMs, pollMs, signal, onBusy }: Waiting,
): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  for (let isFirst = true; await host.isBusy(); isFirst = false) {
    if (isFirst) onBusy?.();
    if (performance.now() >= deadline) return false;
    await sleep(pollMs, undefined, { signal }).catch(() => undefined);
    signal?.throwIfAborted();
  }
  return true;
}
