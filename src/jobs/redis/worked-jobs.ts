import type { Device } from '../../runtime/device.ts';
import { AppError, asAppError, type ErrorCode } from '../../errors.ts';
import { describeError } from '../describe-error.ts';
import { isUnderWay, type JobStatus, newStatus } from '../job-status.ts';
import { JobRecord } from '../job-record.ts';
import type { JobSteps } from '../job-steps.ts';
import type { Worker } from '../ports.ts';
import { mayRecover } from '../recover-jobs.ts';
import { type JobDraft, parseDraft } from '../request/job-draft.ts';
import { type Input, readInputs } from './inputs.ts';
import { jobGone, type JobKeeper } from './job-keeper.ts';
import { type Places, workerPlaces } from './places.ts';
import { RedisJob } from './redis-job.ts';
import { movedPlaces } from './worker-places.ts';

/** A job that has cost so many machines their lives is not given to another. */
const MAX_MACHINES = 3;

/** What another machine may not have. */
const machineFaults: readonly ErrorCode[] = ['output.no-space', 'device.unavailable'];

interface JobTools {
  /** This worker's. */
  readonly name: string;
  readonly keeper: JobKeeper;
  readonly folderOf: (id: string) => string;
  readonly device: Device;
  /** For training on the CPU; null: as each job says. */
  readonly threads: number | null;
}

/** The jobs that this worker works on, with their paths as they are here. */
export class WorkedJobs {
  private readonly tools: JobTools;
  private readonly records = new Map<string, JobRecord>();

  constructor(tools: JobTools) {
    this.tools = tools;
  }

  /** Has jobs go on from where the workers before came to, or given up. */
  workedBy(steps: JobSteps): Worker {
    return {
      lane: (id) => steps.lane(id),
      work: async (id, signals) => {
        const record = await this.open(id);
        if (!record) return 'ended';
        // Its worker died between the end and saying so to the queue.
        if (!isUnderWay(record.state)) return 'ended';
        if (record.state !== 'queued') {
          if (!(await mayRecover(record, MAX_MACHINES - 1))) return 'ended';
          await record.status.advance('requeue');
        }
        this.records.set(id, record);
        try {
          return await steps.work(id, signals);
        } finally {
          this.records.delete(id);
        }
      },
      onMoved: () => undefined,
      onTrouble: (error) => {
        steps.onTrouble(error);
      },
    };
  }

  /** Leaves a job that failed of this machine to another one, unless it has failed of as many as may be. */
  async leaves({ status, stored }: JobRecord, failure: unknown): Promise<boolean> {
    const { code, message } = asAppError(failure);
    const { count, step } = status.current.recoveries;
    if (!machineFaults.includes(code) || count + 1 >= MAX_MACHINES) return false;
    stored.appendEvent({
      event: 'notice',
      message: `the worker ${this.tools.name} could not go on, and leaves this to another one: ${message}`,
    });
    await status.change({ recoveries: { count: count + 1, step } });
    return true;
  }

  /** Null for a job that nobody can read: it has failed. */
  private async open(id: string): Promise<JobRecord | null> {
    try {
      return await JobRecord.open(await this.find(id), neverHere);
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'job.damaged') throw error;
      const { keeper } = this.tools;
      await keeper.append(id, await keeper.countEvents(id), [describeError(error).event]);
      const status: JobStatus = { ...newStatus(null), state: 'failed' };
      await keeper.write(id, { status: JSON.stringify(status) }, 'state');
      return null;
    }
  }

  isWorkedOn(id: string): boolean {
    return this.records.has(id);
  }

  /** @throws AppError `job.not-found` for one that is not worked on */
  record(id: string): Promise<JobRecord> {
    const record = this.records.get(id);
    return record ? Promise.resolve(record) : Promise.reject(jobGone(id));
  }

  /** @throws AppError `job.not-found`, `job.damaged` */
  async find(id: string): Promise<RedisJob> {
    return new RedisJob(id, this.tools.keeper, await this.placesOf(id));
  }

  /** What is asked for, as it is run here. */
  async draftFor(stored: RedisJob): Promise<JobDraft | null> {
    const draft = await stored.readDraft();
    const { device, threads } = this.tools;
    return (
      draft && {
        ...draft,
        device: draft.device === 'auto' ? device : draft.device,
        threads: threads ?? draft.threads,
      }
    );
  }

  inputsOf(id: string): Promise<Input[]> {
    return readInputs(this.tools.keeper, id);
  }

  private async placesOf(id: string): Promise<Places> {
    const [json] = await this.tools.keeper.read(id, ['draft']);
    if (json == null) throw jobGone(id);
    const draft = parseDraft(JSON.parse(json));
    return workerPlaces(this.tools.folderOf(id), movedPlaces(draft, await this.inputsOf(id)));
  }
}

/** What is worked on here is this process's: nobody else writes to it. */
const neverHere = { sharing: null, runner: { findRunner: () => Promise.resolve(null) } };
