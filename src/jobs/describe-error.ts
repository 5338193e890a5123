import type { RecordedEvent } from '../erase/events.ts';
import { AppError } from '../errors.ts';
import { systemErrorCode } from '../system-error.ts';

export type ErrorEvent = Extract<RecordedEvent, { event: 'error' }>;

/** Any error as an event and an exit status; one that nobody foresaw is a bug, with its stack. */
export function describeError(error: unknown): {
  readonly event: ErrorEvent;
  readonly exitStatus: number;
} {
  const known = asAppError(error);
  return {
    event: { event: 'error', code: known.code, message: known.message, time: known.time },
    exitStatus: known.exitStatus,
  };
}

/** Any error as one that a person may meet. */
export function asAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const code = systemErrorCode(error);
  // Any write of a run may meet it: of the state, of an event, of a picture.
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new AppError(
      'output.no-space',
      `the disk became full (${code}). Free some disk space.`,
      {
        cause: error,
      },
    );
  }
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new AppError('internal.unexpected', `something went wrong that should not: ${detail}`, {
    cause: error,
  });
}
