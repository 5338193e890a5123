import { setTimeout as sleep } from 'node:timers/promises';

import type { EraseEvent, RecordedEvent } from '../../erase/events.ts';
import { AppError } from '../../errors.ts';
import type { GraphicsMemory } from '../../hosts/graphics-memory.ts';
import { askProcess } from '../../processes/ask-process.ts';
import { messageForFields } from '../../remedy.ts';
import type { Device } from '../../runtime/device.ts';
import { describeError } from '../describe-error.ts';
import type { compareInHost } from '../host-drawn/host-comparison.ts';
import type { HostPictures } from '../host-drawn/host-pictures.ts';
import { openJobFolder } from './job-folder.ts';
import { findJobRunner, requireUnlocked } from './job-lock.ts';
import type { JobRecord } from '../job-record.ts';
import type { PrepareQuestion } from '../request/prepare-worker.ts';
import { runJobFolder } from './run-job.ts';

const reportWorker = new URL('./report-worker.ts', import.meta.url);
const prepareWorker = new URL('../request/prepare-worker.ts', import.meta.url);

/** How often a job whose training process outlived its server is looked at. */
const UNLOCK_POLL_MS = 500;
/** A job that gets no further from one start of the server to the next may be what ends it. */
const MAX_RECOVERIES = 3;

/** What the queue works with. */
export interface QueueTools {
  readonly dataFolder: string;
  /** What `auto` means. */
  readonly defaultDevice: () => Promise<Device>;
  /** Told whenever the state of a job changes, or what is known of it grows. */
  readonly onChange: (record: JobRecord, what: 'state' | 'growth') => void;
  /** Has the host draw the pictures of a job's sets, if it is to. */
  readonly drawPictures: HostPictures['draw'];
  /** Has the host draw for the comparison; @returns how many pictures it drew. */
  readonly compare: (comparing: Parameters<typeof compareInHost>[1]) => Promise<number>;
  /** Has the host free its graphics memory; what is returned gives it back. */
  readonly borrowMemory: GraphicsMemory['borrow'];
  /** A scrubbed model was written. */
  readonly onResult: () => void;
  /** Told of what fails where nobody waits for it. */
  readonly onTrouble: (error: unknown) => void;
  /** The module of the training process, if not the one that trains. */
  readonly trainingWorker?: URL;
}

interface Run {
  readonly record: JobRecord;
  readonly cancel: AbortController;
  readonly kill: AbortController;
  /** Gives back what was borrowed of the host. */
  giveBack: () => Promise<void>;
  ended: Promise<void>;
}

/** Runs jobs in their order, one at a time on each device. */
export class JobQueue {
  private readonly tools: QueueTools;
  private readonly waiting: JobRecord[] = [];
  private readonly lanes = new Map<Device, Run>();
  private scheduling: Promise<void> = Promise.resolve();
  private isClosed = false;

  constructor(tools: QueueTools) {
    this.tools = tools;
  }

  /** Goes on with what a server that ended had not finished. */
  async recover(records: readonly JobRecord[]): Promise<void> {
    const owed = records
      .filter(({ server }) => server.queuedAt !== null)
      .sort((a, b) => (a.server.queuedAt ?? '').localeCompare(b.server.queuedAt ?? ''));
    for (const record of owed) {
      if (record.progress.runs > 0 && !(await this.mayRecover(record))) continue;
      this.waiting.push(record);
    }
    this.schedule();
  }

  /** Puts a job at the end of the queue. */
  async enqueue(record: JobRecord): Promise<void> {
    await record.remember({
      queuedAt: new Date().toISOString(),
      interruption: null,
      recoveries: { count: 0, step: 0 },
    });
    this.waiting.push(record);
    this.tools.onChange(record, 'state');
    this.schedule();
  }

  /** Jobs before it; null for one that does not wait. */
  positionOf(record: JobRecord): number | null {
    const position = this.waiting.indexOf(record);
    return position < 0 ? null : position;
  }

  get length(): number {
    return this.waiting.length;
  }

  /**
   * Cancels a job: one that waits at once, one that trains as soon as its state is saved.
   *
   * @returns whether it was queued or under way
   */
  async cancel(record: JobRecord): Promise<boolean> {
    const position = this.waiting.indexOf(record);
    if (position >= 0) {
      this.waiting.splice(position, 1);
      await this.settle(
        record,
        new AppError('job.cancelled', `job ${record.id} was cancelled while it waited.`),
      );
      this.announceOrder();
      return true;
    }
    const run = this.findRun(record);
    run?.cancel.abort(new AppError('job.cancelled', `job ${record.id} was cancelled.`));
    return run !== undefined;
  }

  /**
   * Starts nothing any more and has what trains save its state; it goes on with the next server.
   *
   * @param patience aborted to kill processes that have not ended
   */
  async close(patience: AbortSignal): Promise<void> {
    this.isClosed = true;
    await this.scheduling;
    const runs = [...this.lanes.values()];
    for (const { cancel } of runs) {
      cancel.abort(new AppError('job.cancelled', 'the server was ended.'));
    }
    const killAll = () => {
      for (const { kill } of runs) kill.abort();
    };
    patience.addEventListener('abort', killAll, { once: true });
    if (patience.aborted) killAll();
    await Promise.all(runs.map((run) => run.ended));
    patience.removeEventListener('abort', killAll);
  }

  private findRun(record: JobRecord): Run | undefined {
    return [...this.lanes.values()].find((run) => run.record === record);
  }

  /** One start after the other: they look at the same lanes. */
  private schedule(): void {
    this.scheduling = this.scheduling.then(() => this.startWhatCan());
  }

  private async startWhatCan(): Promise<void> {
    for (const record of [...this.waiting]) {
      const lane = record.device === 'auto' ? await this.tools.defaultDevice() : record.device;
      const position = this.waiting.indexOf(record);
      if (this.isClosed || position < 0 || this.lanes.has(lane)) continue;
      this.waiting.splice(position, 1);
      const run: Run = {
        record,
        cancel: new AbortController(),
        kill: new AbortController(),
        giveBack: () => Promise.resolve(),
        ended: Promise.resolve(),
      };
      this.lanes.set(lane, run);
      run.ended = this.run(run)
        // Of its own folder, taken away meanwhile say: it stands where its files say.
        .catch(this.tools.onTrouble)
        .then(() => run.giveBack())
        .catch(this.tools.onTrouble)
        .finally(() => {
          this.lanes.delete(lane);
          this.schedule();
        });
      this.announceOrder();
    }
  }

  private async run(run: Run): Promise<void> {
    const { record } = run;
    let failure: unknown = null;
    try {
      // One that is done lacks at most what the host draws of it.
      if (record.progress.outcome?.kind !== 'done') {
        await this.prepare(run);
        await this.drawPictures(run);
        await this.makeRoom(run);
        await this.train(run);
      }
      await this.compare(run);
    } catch (error) {
      failure = error;
    }
    record.activity = null;
    await record.catchUp();
    const isDone = record.progress.outcome?.kind === 'done';
    // Ended with the server: its place in the queue stays.
    if (this.isClosed && !(isDone && failure === null)) return;
    if (isDone) this.tools.onResult();
    await this.settle(record, isDone ? null : failure);
  }

  private async prepare({ record, cancel }: Run): Promise<void> {
    record.activity = 'preparing';
    this.tools.onChange(record, 'state');
    await whenFree(record.folder, cancel.signal);
    const question: PrepareQuestion = {
      folder: record.folder,
      dataFolder: this.tools.dataFolder,
    };
    // As long as reading the model takes.
    const options = { purpose: 'preparing the job', signal: cancel.signal };
    await askProcess(prepareWorker, question, options);
    await record.readPrepared();
  }

  /** Before the host gives its memory away: it needs its model for it. */
  private async drawPictures({ record, cancel }: Run): Promise<void> {
    const { job, draft, folder, server } = record;
    // One of the command line knows no host.
    if (!job || !draft) return;
    await record.events.mendEvents();
    await this.tools.drawPictures({
      ...{ job, folder, wish: draft.pictures, decided: server.picturesBy },
      onDecided: (picturesBy) => record.remember({ picturesBy }),
      onEvent: (event) => {
        this.note(record, event);
      },
      signal: cancel.signal,
    });
  }

  /** A large model and a training do not fit into the same graphics memory. */
  private async makeRoom(run: Run): Promise<void> {
    const { record, cancel } = run;
    if (record.device === 'cpu') return;
    await record.events.mendEvents();
    const tell = (message: string) => {
      this.note(record, { event: 'notice', message });
    };
    run.giveBack = await this.tools.borrowMemory({ signal: cancel.signal, tell });
  }

  private async train({ record, cancel, kill }: Run): Promise<void> {
    const folder = await openJobFolder('', record.folder);
    await record.catchUp();
    record.activity = 'running';
    this.tools.onChange(record, 'state');
    await runJobFolder(folder, {
      onEvent: (event) => {
        this.take(record, event);
      },
      cancel: cancel.signal,
      kill: kill.signal,
      ...(this.tools.trainingWorker && { worker: this.tools.trainingWorker }),
    });
  }

  /** Has a host that drew the pictures of the sets draw with the result too. */
  private async compare(run: Run): Promise<void> {
    const { record, cancel } = run;
    const { job, draft, server, folder } = record;
    const isOfHost = draft?.pictures === 'host' || server.picturesBy === 'host';
    if (!job || !isOfHost || job.settings.evaluationPictures === 0) return;
    record.activity = 'running';
    this.tools.onChange(record, 'state');
    await run.giveBack();
    run.giveBack = () => Promise.resolve();
    const drawn = await this.tools.compare({
      ...{ job, folder, past: await record.events.readEvents() },
      onEvent: (event) => {
        this.note(record, event);
      },
      signal: cancel.signal,
    });
    if (drawn === 0) return;
    await askProcess(reportWorker, folder, {
      purpose: 'writing the report',
      signal: cancel.signal,
    });
  }

  /** Adds to a job's events what this server has to tell. */
  private note(record: JobRecord, event: EraseEvent): void {
    this.take(record, record.events.appendEvent(event));
  }

  private take(record: JobRecord, event: RecordedEvent): void {
    record.take(event);
    const isGrowth = ['progress', 'note', 'warning', 'notice', 'sample'].includes(event.event);
    this.tools.onChange(record, isGrowth ? 'growth' : 'state');
  }

  /** Ends a job's time in the queue; an error that its events do not tell yet is added to them. */
  private async settle(record: JobRecord, failure: unknown): Promise<void> {
    if (failure !== null && !tells(record, failure)) {
      const wasUnderWay = record.server.recoveries.count > 0;
      const { event } = describeError(failure);
      if (wasUnderWay && event.code !== 'job.cancelled') {
        const message = messageForFields(event.message, event.remedy);
        await record.remember({ interruption: { code: event.code, message } });
      } else {
        await record.events.mendEvents();
        record.events.appendEvent(event);
        await record.catchUp();
      }
    }
    await record.remember({ queuedAt: null });
    this.tools.onChange(record, 'state');
  }

  /** Counts the starts that a job has been found unfinished at, and gives up in time. */
  private async mayRecover(record: JobRecord): Promise<boolean> {
    const { count, step } = record.server.recoveries;
    const reached = record.progress.last?.step ?? 0;
    const recoveries = reached > step ? { count: 1, step: reached } : { count: count + 1, step };
    if (recoveries.count <= MAX_RECOVERIES) {
      await record.remember({ recoveries });
      return true;
    }
    await record.remember({
      queuedAt: null,
      interruption: {
        code: 'device.crashed',
        message: `job ${record.id} was interrupted ${count} times without getting further than step ${reached}, so it was not started again. Perhaps the machine cannot bear it: resume it, or start again with smaller settings or on the CPU.`,
      },
    });
    return false;
  }

  private announceOrder(): void {
    for (const record of this.waiting) this.tools.onChange(record, 'state');
  }
}

/** Waits for a training process that outlived its server to save its state and end. */
async function whenFree(folder: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    const runner = await findJobRunner(folder);
    if (runner === null) return;
    // It cannot be seen whether that one ever ends.
    if (runner === 'elsewhere') await requireUnlocked(folder);
    await sleep(UNLOCK_POLL_MS, undefined, { signal }).catch(() => undefined);
    signal.throwIfAborted();
  }
}

/** Whether the last of a job's events is this error. */
function tells(record: JobRecord, failure: unknown): boolean {
  const { outcome } = record.progress;
  const { event } = describeError(failure);
  return outcome?.kind === 'error' && outcome.event.message === event.message;
}
