import { AppError } from '../errors.ts';

/** What a person asks for with Ctrl-C. */
export interface Interrupts {
  /** Aborted by the first one: end safely. */
  readonly cancel: AbortSignal;
  /** Aborted by the second one: end now. */
  readonly kill: AbortSignal;
}

/** What asks a process to end: Ctrl-C, a service manager, a closed terminal. */
const endSignals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * Does work while Ctrl-C no longer just ends the process.
 *
 * @param onCancel called at the first one, to say what happens now
 */
export async function withInterrupts<T>(
  work: (interrupts: Interrupts) => Promise<T>,
  onCancel: () => void = () => undefined,
): Promise<T> {
  const cancelling = new AbortController();
  const killing = new AbortController();
  const interrupt = () => {
    if (cancelling.signal.aborted) {
      killing.abort();
      return;
    }
    onCancel();
    cancelling.abort(new AppError('job.cancelled', 'Cancelled.'));
  };
  for (const name of endSignals) process.on(name, interrupt);
  try {
    return await work({ cancel: cancelling.signal, kill: killing.signal });
  } finally {
    for (const name of endSignals) process.off(name, interrupt);
  }
}

/**
 * Waits for work that cannot be cancelled and leaves nothing behind, but no longer than until
 * `signal` is aborted.
 *
 * @throws the signal's reason
 */
export async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const listening = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    const stop = () => {
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', stop, { once: true, signal: listening.signal });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    listening.abort();
  }
}
