import type { RecordedEvent } from '../erase/events.ts';
import { asAppError } from '../errors.ts';

/** The event that a run ends with that went wrong. */
export type ErrorEvent = Extract<RecordedEvent, { event: 'error' }>;

/** Any error as an event and an exit status; one that nobody foresaw is a bug, with its stack. */
export function describeError(error: unknown): {
  readonly event: ErrorEvent;
  readonly exitStatus: number;
} {
  const { code, message, remedy, time, exitStatus } = asAppError(error);
  return {
    event: { event: 'error', code, message, ...(remedy && { remedy }), time },
    exitStatus,
  };
}
