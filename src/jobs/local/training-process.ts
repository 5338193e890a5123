import { AppError, isErrorCode } from '../../errors.ts';
import {
  diagnose,
  forkTypescript,
  waitForEnd,
  type ProcessEnd,
  type WorkerProcess,
} from '../../processes/fork-typescript.ts';
import type { RecordedEvent } from '../../erase/events.ts';
import type { ErrorEvent } from '../describe-error.ts';
import { acquireJobLock } from './job-lock.ts';
import type { RunControl } from '../ports.ts';
import type { FromWorker, ToWorker } from './worker-protocol.ts';

/** How a training process is steered and heard. */
export interface TrainingControl extends RunControl {
  /** The worker's module. Default: the one that trains. */
  readonly worker?: URL;
}

const trainingWorker = new URL('./training-worker.ts', import.meta.url);

/**
 * Runs a job in a process of its own and waits for its end. Whatever happens there, a crash of
 * native code too, becomes an error here.
 *
 * @throws what `onEvent` throws, after the run was cancelled; AppError what the run reports;
 *   `job.cancelled` when cancelled or killed; `device.crashed`; `device.out-of-memory`;
 *   `job.wrong-state` if another process runs the job
 */
export async function runTraining(jobFolder: string, control: TrainingControl): Promise<void> {
  const worker = forkTypescript(control.worker ?? trainingWorker);
  const ended = waitForEnd(worker);
  let reported: ReportedError | null = null;
  const unheard: unknown[] = [];
  const hear = (event: RecordedEvent) => {
    try {
      control.onEvent(event);
    } catch (error) {
      // Whoever started it cannot follow: no use in going on.
      unheard.push(error);
      tell(worker, { type: 'cancel' });
    }
  };
  worker.process.on('message', (message: FromWorker) => {
    if ('error' in message) reported = message.error;
    else if (message.event.event === 'error') reported = message.event;
    else hear(message.event);
  });

  const unlisten = [
    whenAborted(control.cancel, () => {
      tell(worker, { type: 'cancel' });
    }),
    whenAborted(control.kill, () => {
      worker.process.kill('SIGKILL');
    }),
  ];
  try {
    const end = await startAndWait(worker, ended, jobFolder);
    if (unheard.length > 0) throw unheard[0];
    throwUnlessDone({ end, reported, complaint: worker.complaint() }, control.kill);
  } finally {
    for (const stop of unlisten) stop();
  }
}

async function startAndWait(
  worker: WorkerProcess,
  ended: Promise<ProcessEnd>,
  jobFolder: string,
): Promise<ProcessEnd> {
  const { pid } = worker.process;
  // Without an id it could not be started, and `ended` says why.
  if (pid === undefined) return ended;
  try {
    const lock = await acquireJobLock(jobFolder, pid);
    try {
      tell(worker, { type: 'run', jobFolder });
      return await ended;
    } finally {
      await lock.release();
    }
  } catch (error) {
    worker.process.kill('SIGKILL');
    throw error;
  }
}

/** What ended a worker, by its own account. */
type ReportedError = Pick<ErrorEvent, 'code' | 'message' | 'remedy'>;

interface Outcome {
  readonly end: ProcessEnd;
  readonly reported: ReportedError | null;
  readonly complaint: string;
}

function throwUnlessDone({ end, reported, complaint }: Outcome, kill: AbortSignal): void {
  if (reported) {
    const code = isErrorCode(reported.code) ? reported.code : 'internal.unexpected';
    throw new AppError(code, reported.message, { remedy: reported.remedy });
  }
  if (end.status === 0) return;
  if (kill.aborted) {
    throw new AppError('job.cancelled', 'the training was ended before its state was saved');
  }
  const death = diagnose(end, complaint);
  switch (death?.kind) {
    case 'crash':
      throw new AppError(
        'device.crashed',
        `the training process crashed (${death.name})${quoteEnd(complaint)}. This is a fault of the device's driver or of the runtime. Resume the job; if it crashes again, update the driver, or`,
        { remedy: { advice: 'train on the CPU', settings: [{ setting: 'device', value: 'cpu' }] } },
      );
    case 'ended':
      throw new AppError(
        'job.cancelled',
        `the training process was ended (${death.name}) before its state was saved`,
      );
    case 'out-of-memory':
      throw new AppError(
        'device.out-of-memory',
        `the training process was ended (${death.name}), most likely because the memory ran out. Close other programs and resume the job, or`,
        {
          remedy: {
            advice: 'start one that needs less',
            settings: [
              { setting: 'size' },
              { setting: 'batch' },
              { setting: 'train', value: 'xattn' },
            ],
          },
        },
      );
    case undefined:
      throw new AppError(
        'internal.unexpected',
        `the training process ended with status ${String(end.status)} without a reason${quoteEnd(complaint)}.`,
      );
  }
}

/** The last line of what a process complained, as an end of a sentence. */
function quoteEnd(complaint: string): string {
  const line = complaint.trim().split('\n').at(-1) ?? '';
  return line && `: ${line}`;
}

/** Sends a message, unless the process is gone already: its end is reported anyway. */
function tell({ process: child }: WorkerProcess, message: ToWorker): void {
  if (child.connected) child.send(message, () => undefined);
}

function whenAborted(signal: AbortSignal, act: () => void): () => void {
  if (signal.aborted) act();
  else signal.addEventListener('abort', act, { once: true });
  return () => {
    signal.removeEventListener('abort', act);
  };
}
