import type { EraseEvent } from '../erase/events.ts';
import { AppError } from '../errors.ts';

export type ErrorEvent = Extract<EraseEvent, { event: 'error' }>;

/** Any error as an event and an exit status; one that nobody foresaw is a bug, with its stack. */
export function describeError(error: unknown): {
  readonly event: ErrorEvent;
  readonly exitStatus: number;
} {
  const known = asAppError(error);
  return {
    event: { event: 'error', code: known.code, message: known.message },
    exitStatus: known.exitStatus,
  };
}

function asAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof Error && 'code' in error && isDiskFull(error.code)) {
    return new AppError(
      'output.no-space',
      `the disk became full (${error.message}). Free some disk space.`,
      { cause: error },
    );
  }
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new AppError('internal.unexpected', `something went wrong that should not: ${detail}`, {
    cause: error,
  });
}

/** Any write of a run may meet it: of the state, of an event, of a picture. */
function isDiskFull(code: unknown): boolean {
  return code === 'ENOSPC' || code === 'EDQUOT';
}
