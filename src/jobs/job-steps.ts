import type { EraseEvent, RecordedEvent } from '../erase/events.ts';
import type { GraphicsMemory } from '../hosts/graphics-memory.ts';
import { messageForFields } from '../remedy.ts';
import type { Device } from '../runtime/device.ts';
import { describeError } from './describe-error.ts';
import type { compareInHost } from './host-drawn/host-comparison.ts';
import type { HostPictures } from './host-drawn/host-pictures.ts';
import type { JobChange } from './job-listeners.ts';
import type { JobRecord } from './job-record.ts';
import { actionOf, endOf, isUnderWay } from './job-status.ts';
import type { JobBackend, Worker, WorkSignals } from './ports.ts';

/** What a job is worked on with. */
export interface StepTools {
  readonly backend: Pick<JobBackend, 'artifacts' | 'runner'>;
  readonly find: (id: string) => Promise<JobRecord>;
  /** What `auto` means. */
  readonly defaultDevice: () => Promise<Device>;
  /** Told whenever the state of a job changes, or what is known of it grows. */
  readonly onChange: (id: string, what: JobChange) => void;
  /** Has the host draw the pictures of a job's sets, if it is to. */
  readonly drawPictures: HostPictures['draw'];
  /** Has the host draw for the comparison; @returns how many pictures it drew. */
  readonly compare: (comparing: Parameters<typeof compareInHost>[1]) => Promise<number>;
  /** Has the host free its graphics memory; what is returned gives it back. */
  readonly borrowMemory: GraphicsMemory['borrow'];
  /** Whether a job that failed is left to somebody else, who may do better. */
  readonly leaves: (record: JobRecord, failure: unknown) => Promise<boolean>;
  /** A scrubbed model was written. */
  readonly onResult: () => void;
  /** Told of what fails where nobody waits for it. */
  readonly onTrouble: (error: unknown) => void;
}

/** A job under work. */
interface Work extends WorkSignals {
  readonly record: JobRecord;
  /** Gives back what was borrowed of the host. */
  giveBack: () => Promise<void>;
}

/** Takes jobs from the queue through their steps: prepare, draw, make room, train, compare. */
export class JobSteps implements Worker {
  private readonly tools: StepTools;
  private isClosing = false;

  constructor(tools: StepTools) {
    this.tools = tools;
  }

  /** From now on what is cancelled keeps its place in the queue, for the next server. */
  close(): void {
    this.isClosing = true;
  }

  async lane(id: string): Promise<Device> {
    const { device } = await this.tools.find(id);
    return device === 'auto' ? this.tools.defaultDevice() : device;
  }

  async work(id: string, signals: WorkSignals): Promise<'ended' | 'left'> {
    const record = await this.tools.find(id);
    const work: Work = { record, ...signals, giveBack: () => Promise.resolve() };
    try {
      return await this.end(record, await this.takeSteps(work));
    } finally {
      await work.giveBack();
    }
  }

  onMoved(waiting: readonly string[]): void {
    for (const id of waiting) this.tools.onChange(id, 'place');
  }

  onTrouble(error: unknown): void {
    this.tools.onTrouble(error);
  }

  /**
   * Ends a job's time at work; an error that its events do not tell yet is added to them.
   *
   * @param failure null where it went well
   */
  async settle(record: JobRecord, failure: unknown): Promise<void> {
    const { status } = record;
    if (failure !== null && !tells(record, failure)) {
      const wasUnderWay = status.current.recoveries.count > 0;
      const { event } = describeError(failure);
      if (wasUnderWay && event.code !== 'job.cancelled') {
        const message = messageForFields(event.message, event.remedy);
        const interruption = { code: event.code, message };
        await status.advance('interrupt', { queuedAt: null, interruption });
        this.tools.onChange(record.id, 'state');
        return;
      }
      await record.stored.mendEvents();
      record.stored.appendEvent(event);
      await record.catchUp();
    }
    await status.advance(endOf(record.progress.outcome), { queuedAt: null });
    this.tools.onChange(record.id, 'state');
  }

  /** @returns what it failed of; null where it went well */
  private async takeSteps(work: Work): Promise<unknown> {
    const { record } = work;
    try {
      await record.catchUp();
      // One that is done lacks at most what the host draws of it.
      if (!isDone(record)) {
        await this.prepare(work);
        await this.drawPictures(work);
        await this.makeRoom(work);
        await this.train(work);
      }
      await this.compare(work);
      return null;
    } catch (error) {
      return error;
    }
  }

  private async end(record: JobRecord, failure: unknown): Promise<'ended' | 'left'> {
    record.isFollowed = false;
    await record.catchUp();
    // Ended with the server: its place in the queue stays.
    const isClosed = this.isClosing && !(isDone(record) && failure === null);
    const isFailure = failure !== null && !isDone(record);
    if (isClosed || (isFailure && (await this.tools.leaves(record, failure)))) {
      if (record.state !== 'queued') await record.status.advance('requeue');
      return 'left';
    }
    if (isDone(record)) this.tools.onResult();
    await this.settle(record, isDone(record) ? null : failure);
    return 'ended';
  }

  private async prepare({ record, cancel }: Work): Promise<void> {
    await this.enter(record, 'prepare');
    await this.tools.backend.runner.prepare(record.id, cancel);
    await record.readPrepared();
  }

  /** Before the host gives its memory away: it needs its model for it. */
  private async drawPictures({ record, cancel }: Work): Promise<void> {
    const { job, draft, status } = record;
    // One of 0.1.0's command line knows no host.
    if (!job || !draft) return;
    const { artifacts } = this.tools.backend;
    await record.stored.mendEvents();
    await this.tools.drawPictures({
      ...{ job, wish: draft.pictures, decided: status.current.picturesBy },
      folder: await artifacts.checkOut(record.id),
      onDecided: (picturesBy) => status.change({ picturesBy }),
      onEvent: (event) => {
        this.note(record, event);
      },
      signal: cancel,
    });
    await artifacts.checkIn(record.id);
  }

  /** A large model and a training do not fit into the same graphics memory. */
  private async makeRoom(work: Work): Promise<void> {
    const { record, cancel } = work;
    if (record.device === 'cpu') return;
    await record.stored.mendEvents();
    const tell = (message: string) => {
      this.note(record, { event: 'notice', message });
    };
    work.giveBack = await this.tools.borrowMemory({ signal: cancel, tell });
  }

  private async train({ record, cancel, kill }: Work): Promise<void> {
    await record.catchUp();
    record.isFollowed = true;
    await this.enter(record, 'train');
    await this.tools.backend.runner.run(record.id, {
      ...{ cancel, kill },
      onEvent: (event) => {
        this.take(record, event);
      },
    });
  }

  /** Has a host that drew the pictures of the sets draw with the result too. */
  private async compare(work: Work): Promise<void> {
    const { record, cancel } = work;
    const { job, draft, status } = record;
    const { artifacts, runner } = this.tools.backend;
    const isOfHost = draft?.pictures === 'host' || status.current.picturesBy === 'host';
    if (!job || !isOfHost || job.settings.evaluationPictures === 0) return;
    await this.enter(record, 'evaluate');
    const { giveBack } = work;
    work.giveBack = () => Promise.resolve();
    await giveBack();
    const drawn = await this.tools.compare({
      ...{ job, past: await record.stored.readEvents() },
      folder: await artifacts.checkOut(record.id),
      onEvent: (event) => {
        this.note(record, event);
      },
      signal: cancel,
    });
    await artifacts.checkIn(record.id);
    if (drawn > 0) await runner.report(record.id, cancel);
  }

  private async enter(record: JobRecord, action: 'prepare' | 'train' | 'evaluate'): Promise<void> {
    const entering = record.status.advance(action);
    this.tools.onChange(record.id, 'state');
    await entering;
  }

  /** Adds to a job's events what this server has to tell. */
  private note(record: JobRecord, event: EraseEvent): void {
    this.take(record, record.stored.appendEvent(event));
  }

  private take(record: JobRecord, event: RecordedEvent): void {
    record.take(event);
    const action = actionOf(event);
    if (action && isUnderWay(record.state)) {
      // Known at once; where it cannot be written, the next one is.
      record.status.advance(action).catch(this.tools.onTrouble);
    }
    const isGrowth = ['progress', 'note', 'warning', 'notice', 'sample'].includes(event.event);
    this.tools.onChange(record.id, isGrowth ? 'growth' : 'state');
  }
}

function isDone({ progress }: JobRecord): boolean {
  return progress.outcome?.kind === 'done';
}

/** Whether the last of a job's events is this error. */
function tells(record: JobRecord, failure: unknown): boolean {
  const { outcome } = record.progress;
  const { event } = describeError(failure);
  return outcome?.kind === 'error' && outcome.event.message === event.message;
}
