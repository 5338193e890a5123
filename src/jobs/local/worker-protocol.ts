import type { RecordedEvent } from '../../erase/events.ts';

/** What a training process is told. */
export type ToWorker =
  { readonly type: 'run'; readonly jobFolder: string } | { readonly type: 'cancel' };

/** What a training process tells; its exit status is the command line's for the last error. */
export interface FromWorker {
  readonly type: 'event';
  readonly event: RecordedEvent;
}
