import type { Readable } from 'node:stream';

/**
 * Aborted when standard input ends. The program that started this one holds its other end: the
 * system closes it however that program ends, also when it is killed.
 */
export function parentGone(input: Readable): AbortSignal {
  const watching = new AbortController();
  const abort = () => {
    watching.abort();
  };
  input.once('end', abort).once('error', abort).resume();
  return watching.signal;
}
