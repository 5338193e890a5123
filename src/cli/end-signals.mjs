// @ts-check
import { isHangupIgnored } from './hangup.mjs';

/** As `job.cancelled` in the table of errors. */
const CANCELLED_STATUS = 5;

/**
 * What asks this process to end: Ctrl-C, Ctrl-\, a service manager, a closed terminal or a dropped
 * connection, unless hangups are ignored.
 *
 * @type {readonly NodeJS.Signals[]}
 */
export const endSignals = isHangupIgnored()
  ? ['SIGINT', 'SIGQUIT', 'SIGTERM']
  : ['SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGHUP'];

/**
 * Ends the process on these signals, with the status of what was cancelled, until a command listens to
 * them: before that there is nothing to be saved.
 */
export function endUnlessTakenOver() {
  for (const name of endSignals) {
    process.on(name, () => {
      if (process.listenerCount(name) === 1) process.exit(CANCELLED_STATUS);
    });
  }
  if (!endSignals.includes('SIGHUP')) process.on('SIGHUP', () => undefined);
}
