import { AppError } from '../errors.ts';
import type { Terminal } from './terminal.ts';

/**
 * Aborted once nobody can be told anything.
 *
 * @param purpose what is then given up: `the evaluation`
 */
export function unheard({ outputLost }: Terminal, purpose: string): AbortSignal {
  const giving = new AbortController();
  outputLost.addEventListener('abort', () => {
    giving.abort(
      new AppError(
        'job.cancelled',
        `standard output cannot be written to any more, so ${purpose} was given up.`,
      ),
    );
  });
  return giving.signal;
}
