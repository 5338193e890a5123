// @ts-check
import { fstatSync, readFileSync } from 'node:fs';
import { isatty } from 'node:tty';

/** Bit 0 of a mask of signals is that of signal 1. */
const HANGUP_BIT = 1n;

/**
 * Whether a hangup is nothing to this process, as for one that `nohup` started.
 *
 * Node itself forgets it: at its start it puts every ignored signal back to its default
 * (`ResetSignalHandlers` in nodejs/node@v20.19.0:src/node.cc). What is left are signs: the shell that
 * started it ignores hangups (`trap '' HUP`), the command before it was `nohup`, or, as `nohup` leaves
 * it, nothing of it is on a terminal and its output goes to files.
 *
 * @param {NodeJS.ProcessEnv} environment that the process was started with
 */
export function isHangupIgnored(environment = process.env) {
  return isStartedByNohup(environment) || parentIgnoresHangup() || isAwayFromTerminals();
}

/**
 * Shells put the path of the command that they start into `_`.
 *
 * @param {NodeJS.ProcessEnv} environment
 */
function isStartedByNohup({ _: command = '' }) {
  return /(^|\/)nohup$/.test(command);
}

/** Linux only: what a parent ignores its children ignore too. */
function parentIgnoresHangup() {
  try {
    const status = readFileSync(`/proc/${process.ppid}/status`, 'utf8');
    const mask = /^SigIgn:\s*([\da-f]+)$/m.exec(status)?.[1] ?? '0';
    return (BigInt(`0x${mask}`) & HANGUP_BIT) !== 0n;
  } catch {
    return false;
  }
}

function isAwayFromTerminals() {
  return !isatty(0) && isFile(1) && isFile(2);
}

/**
 * Whether what is written goes to a file or a device like `/dev/null`, neither to a terminal nor to a
 * program.
 *
 * @param {number} descriptor
 */
function isFile(descriptor) {
  try {
    const stat = fstatSync(descriptor);
    return !isatty(descriptor) && !stat.isFIFO() && !stat.isSocket();
  } catch {
    return false;
  }
}
