import type { RecordedEvent } from '../../erase/events.ts';
import type { ErrorEvent } from '../describe-error.ts';

/** What a training process is told. */
export type ToWorker =
  { readonly type: 'run'; readonly jobFolder: string } | { readonly type: 'cancel' };

/** What a training process tells; its exit status is the command line's for the last error. */
export type FromWorker =
  | { readonly type: 'event'; readonly event: RecordedEvent }
  /** Its module could not be loaded. */
  | { readonly error: Pick<ErrorEvent, 'code' | 'message' | 'remedy'> };
