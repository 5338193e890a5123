import type { EraseEvent } from '../../erase/events.ts';
import { AppError } from '../../errors.ts';
import { describeError } from '../describe-error.ts';
import { EventLog } from './event-log.ts';
import type { FromWorker, ToWorker } from './worker-protocol.ts';

/** What a worker process does with a job's folder; aborting means: save the state, then end. */
export type Work = (
  jobFolder: string,
  io: { readonly onEvent: (event: EraseEvent) => void; readonly signal: AbortSignal },
) => Promise<void>;

/**
 * Makes this process a worker: it does the work once it is told to, records its events in the job's
 * folder, reports them through its message channel and exits. It cancels when it is told to, and when
 * whoever started it is gone.
 */
export function serveWorker(work: Work): void {
  const cancelling = new AbortController();
  const cancel = () => {
    cancelling.abort(new AppError('job.cancelled', 'the job was cancelled'));
  };
  // Of a guard of the memory, which looks for the largest process and kills it next.
  process.on('SIGTERM', cancel);
  process.on('disconnect', cancel);
  process.on('message', (message: ToWorker) => {
    if (message.type === 'cancel') cancel();
    else void run(work, message.jobFolder, cancelling.signal);
  });
}

async function run(work: Work, jobFolder: string, signal: AbortSignal): Promise<void> {
  let status = 0;
  const log = new EventLog(jobFolder);
  // Messages arrive in the order they are sent: once the last one is out, all are.
  let lastSent = Promise.resolve();
  // Recorded here: a step whose state is saved is in the history, whoever is left to hear of it.
  const onEvent = (event: EraseEvent) => {
    lastSent = send({ type: 'event', event: log.appendEvent(withMemory(event)) });
  };
  try {
    await work(jobFolder, { onEvent, signal });
  } catch (error) {
    const { event, exitStatus } = describeError(error);
    status = exitStatus;
    // Recorded by whoever started this process, who knows how to go on.
    lastSent = send({ type: 'event', event });
  }
  await lastSent;
  // Open sessions would keep the process alive.
  process.exit(status);
}

/** Only this process knows its memory on every system. */
function withMemory(event: EraseEvent): EraseEvent {
  return event.event === 'progress' ? { ...event, memoryBytes: process.memoryUsage.rss() } : event;
}

/** Sends a message; with nobody left to read it, it is dropped: the state is what must be saved. */
function send(message: FromWorker): Promise<void> {
  return new Promise((resolve) => {
    if (!process.connected || !process.send) {
      resolve();
      return;
    }
    process.send(message, undefined, undefined, () => {
      resolve();
    });
  });
}
