import { AppError } from '../errors.ts';
import { endSignals } from './end-signals.mjs';

/** What a person asks for with Ctrl-C. */
export interface Interrupts {
  /** Aborted by the first one: end safely. */
  readonly cancel: AbortSignal;
  /** Aborted by the second one: end now. */
  readonly kill: AbortSignal;
}

/** One press of Ctrl-C may arrive twice: npx passes on what the terminal has sent already. */
const ECHO_MS = 1000;

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
  let first: { readonly name: NodeJS.Signals; readonly time: number } | null = null;
  const interrupt = (name: NodeJS.Signals) => {
    if (first) {
      const isEcho = name === first.name && performance.now() - first.time < ECHO_MS;
      // A closed terminal is told by the system and by the shell, and nobody waits in front of it.
      if (isEcho || name === 'SIGHUP') return;
      killing.abort(new AppError('job.cancelled', 'Ended at once.'));
      return;
    }
    first = { name, time: performance.now() };
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
