import type { EraseEvent } from '../erase/events.ts';
import { AppError } from '../errors.ts';

export type ErrorEvent = Extract<EraseEvent, { event: 'error' }>;

/** Any error as an event and an exit status; one that nobody foresaw is a bug, with its stack. */
export function describeError(error: unknown): {
  readonly event: ErrorEvent;
  readonly exitStatus: number;
} {
  const known =
    error instanceof AppError
      ? error
      : new AppError(
          'internal.unexpected',
          `something went wrong that should not: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
        );
  return {
    event: { event: 'error', code: known.code, message: known.message },
    exitStatus: known.exitStatus,
  };
}
