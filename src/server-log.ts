import { renameSync, statSync } from 'node:fs';
import path from 'node:path';
import { destination, type Logger, pino } from 'pino';

/** Weeks of use. */
const MAX_LOG_BYTES = 10 * 2 ** 20;
const CHECK_MS = 60_000;
/** A write for each request would take longer than the request; so much, or what a second brings. */
const BUFFER = { minLength: 4096, periodicFlush: 1000 };

/** The server's log, one JSON object a line: `server.log`, and what was before it `server.log.1`. */
export function openServerLog(dataFolder: string): { logger: Logger; close: () => void } {
  const file = path.join(dataFolder, 'server.log');
  rotate(file);
  const stream = destination({ dest: file, sync: false, mkdir: true, ...BUFFER });
  // A full disk must not take the server down.
  stream.on('error', () => undefined);
  const timer = setInterval(() => {
    if (rotate(file)) stream.reopen();
  }, CHECK_MS).unref();
  return {
    logger: pino({ base: null }, stream),
    close: () => {
      clearInterval(timer);
      stream.end();
    },
  };
}

function rotate(file: string): boolean {
  try {
    if (statSync(file).size < MAX_LOG_BYTES) return false;
    renameSync(file, `${file}.1`);
    return true;
  } catch {
    // There is none yet.
    return false;
  }
}
