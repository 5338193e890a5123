import path from 'node:path';
import type { z } from 'zod';

import type { JobHistory, JobSummary, JobView } from '../contract/job-views.ts';
import type { jobRequestSchema } from '../contract/requests.ts';
import type { DeviceView } from '../contract/views.ts';
import { removeModel } from '../families/model-on-disk.ts';
import { pathExists } from '../checkpoint/output-path.ts';
import { isResultOf } from '../erase/result.ts';
import { AppError } from '../errors.ts';
import { GraphicsMemory } from '../hosts/graphics-memory.ts';
import { HostDebts } from '../hosts/host-debts.ts';
import type { Host, HostModel } from '../hosts/host.ts';
import { type HostState, HostStates } from '../hosts/host-state.ts';
import { ModelSwap } from '../hosts/model-swap.ts';
import type { Patience } from '../hosts/patience.ts';
import type { JobListener, JobServices, JobWatch, Uploads } from '../contract/services.ts';
import { draftUpload } from './request/draft-upload.ts';
import { compareInHost } from './host-drawn/host-comparison.ts';
import { HostPictures, requireDrawing } from './host-drawn/host-pictures.ts';
import { openJobFolder } from './local/job-folder.ts';
import { JobQueue } from './local/job-queue.ts';
import type { JobRecord } from './job-record.ts';
import { JobStore } from './local/job-store.ts';
import { isInUse, modelNameOf, reportPathOf, summarize, viewJob } from './job-views.ts';
import { pictureSeconds } from './estimate/picture-seconds.ts';
import { requireUnfinished } from './local/run-job.ts';

/** More than anyone waits for; each holds its pictures on the disk. */
const MAX_WAITING_JOBS = 100;

/** What jobs are run with. */
export interface JobEnvironment {
  readonly dataFolder: string;
  readonly host: Host;
  /** For training on the CPU. */
  readonly threads: number;
  readonly patience: Patience;
  readonly devices: () => Promise<readonly DeviceView[]>;
  /** Shows a folder on the desktop. */
  readonly openFolder: (folder: string) => Promise<void>;
  /** Told of what fails where nobody waits for it. */
  readonly onTrouble: (error: unknown) => void;
  /** The module of the training process, if not the one that trains. */
  readonly trainingWorker?: URL;
}

/** The jobs of a data folder: made, run in their order, looked at and removed. */
export class JobService implements JobServices {
  private readonly environment: JobEnvironment;
  private readonly store: JobStore;
  private readonly queue: JobQueue;
  private readonly hostStates: HostStates;
  private readonly memory: GraphicsMemory;
  private readonly swap: ModelSwap;
  private readonly listeners = new Set<JobListener>();
  private readonly busy = new Map<string, Promise<unknown>>();
  private opened: Promise<void> = Promise.resolve();

  constructor(environment: JobEnvironment) {
    this.environment = environment;
    const { dataFolder, host, patience, devices, onTrouble, trainingWorker } = environment;
    this.store = new JobStore(dataFolder);
    this.hostStates = new HostStates(host);
    const debts = new HostDebts(host, dataFolder);
    this.memory = new GraphicsMemory(host, debts, patience);
    this.swap = new ModelSwap(host, patience);
    const drawing = { host, debts, patience, memory: this.memory };
    const pictures = new HostPictures({
      ...drawing,
      secondsHere: (job, signal) => pictureSeconds(job, { dataFolder, signal }),
    });
    this.queue = new JobQueue({
      dataFolder,
      defaultDevice: async () =>
        (await devices()).find(({ isDefault }) => isDefault)?.device ?? 'cpu',
      onChange: (record, what) => {
        this.announce(record.id, what);
      },
      drawPictures: (job) => pictures.draw(job),
      compare: (comparing) => compareInHost(drawing, comparing),
      borrowMemory: (borrower) => this.memory.borrow(borrower),
      onResult: () => {
        // Not waited for: a host that draws looks when it has finished.
        void this.refreshHost();
      },
      onTrouble,
      ...(trainingWorker && { trainingWorker }),
    });
  }

  /** Reads the jobs there are and goes on with what was under way; whoever asks waits for it. */
  open(): Promise<void> {
    this.opened = this.store.open().then(() => {
      // Jobs wait for it where they need the host; who asks for them does not.
      void this.settleHost();
      return this.queue.recover(this.store.known());
    });
    return this.opened;
  }

  /** @see JobQueue.close */
  async close(patience: AbortSignal): Promise<void> {
    await this.opened.catch(() => undefined);
    await this.queue.close(patience);
  }

  async list(): Promise<JobSummary[]> {
    await this.opened;
    const [records, host] = await Promise.all([this.store.all(), this.hostStates.glance()]);
    return records.map((record) => summarize(record, this.queue.positionOf(record), host));
  }

  async view(id: string): Promise<JobView> {
    return this.viewOf(await this.find(id));
  }

  async create(request: z.output<typeof jobRequestSchema>, uploads: Uploads): Promise<JobView> {
    await this.opened;
    const { host, dataFolder, threads } = this.environment;
    if (this.queue.length >= MAX_WAITING_JOBS) {
      throw new AppError(
        'request.too-many',
        `${MAX_WAITING_JOBS} jobs are waiting already. Wait until some are done, or cancel them.`,
      );
    }
    const model = await this.findModel(request.model);
    await this.requireDevice(request.device);
    if (request.pictures === 'host') requireDrawing(host);
    const folder = await draftUpload(request, uploads, { model, host, dataFolder, threads });
    const record = await this.store.add(folder);
    await this.queue.enqueue(record);
    return this.viewOf(record);
  }

  cancel(id: string): Promise<JobView> {
    return this.exclusively(id, async (record) => {
      if (!(await this.queue.cancel(record))) {
        throw new AppError(
          'job.wrong-state',
          record.isRunElsewhere
            ? `job ${record.id} was started from the command line: press Ctrl-C there.`
            : `job ${record.id} is ${record.state}: there is nothing to cancel.`,
        );
      }
    });
  }

  resume(id: string): Promise<JobView> {
    return this.exclusively(id, async (record) => {
      const { state } = record;
      if (state !== 'cancelled' && state !== 'failed' && state !== 'interrupted') {
        throw new AppError(
          'job.wrong-state',
          `job ${record.id} is ${state}: only one that was cancelled, failed or was interrupted can be resumed.`,
        );
      }
      if (record.job) await requireUnfinished(await openJobFolder('', record.folder));
      await this.queue.enqueue(record);
    });
  }

  apply(id: string): Promise<JobView> {
    return this.exclusively(id, async (record) => {
      const state = await this.hostStates.read();
      const result = await this.requireResult(record, state);
      if (result.kind === 'lora') {
        throw new AppError(
          'job.wrong-state',
          `the result of job ${record.id} is a LoRA file, which is used on top of the original: put "${result.path}" into the web UI's folder of LoRAs.`,
        );
      }
      if (result.isActive) {
        throw new AppError('job.wrong-state', `"${result.model}" is the active model already.`);
      }
      // Where none was chosen yet, it is the original that pictures were drawn with.
      const rollbackTo = state.active ?? modelNameOf(record.modelPath, state);
      // Before the change: nobody knows how far a host comes that stops answering.
      await record.remember({ rollbackTo });
      await this.changeModel(() => this.swap.toFile(result.path, rollbackTo));
    });
  }

  rollback(id: string): Promise<JobView> {
    return this.exclusively(id, async (record) => {
      const state = await this.hostStates.read();
      const { result } = await this.viewOf(record, state);
      const { rollbackTo } = record.server;
      if (rollbackTo === null || !isInUse(record, result, state)) {
        throw new AppError(
          'job.wrong-state',
          `the model of job ${record.id} is not the active one, so there is nothing to go back from.`,
        );
      }
      await this.changeModel(() => this.swap.toModel(rollbackTo, result ? state.active : null));
      await record.remember({ rollbackTo: null });
    });
  }

  async delete(id: string, { withModel }: { withModel: boolean }): Promise<void> {
    await this.locked(id, async (record) => {
      if (record.server.queuedAt !== null || record.isRunElsewhere) {
        throw new AppError(
          'job.wrong-state',
          `job ${record.id} is ${record.state}: cancel it before it is deleted.`,
        );
      }
      if (withModel) await this.deleteResult(record);
      await this.store.delete(record);
      this.announce(record.id, 'state');
    });
  }

  async history(id: string): Promise<JobHistory> {
    const record = await this.find(id);
    const { timeline, release } = await record.openTimeline();
    const history = { progress: [...timeline.progress], log: [...timeline.log] };
    release();
    return history;
  }

  async samplePath(id: string, file: string): Promise<string> {
    const record = await this.find(id);
    if (!record.progress.samples.some((sample) => sample.file === file)) {
      throw new AppError(
        'job.incomplete',
        `job ${record.id} has no sample ${JSON.stringify(file.slice(0, 100))}.`,
      );
    }
    return path.join(record.folder, 'samples', file);
  }

  async reportPath(id: string): Promise<string> {
    const record = await this.find(id);
    const report = reportPathOf(record.folder);
    if (await pathExists(report)) return report;
    throw new AppError(
      'job.incomplete',
      `job ${record.id} has no report: it is written when the job is done.`,
    );
  }

  async openFolder(id: string): Promise<void> {
    const record = await this.find(id);
    const result = await this.requireResult(record, await this.hostStates.glance());
    await this.environment.openFolder(path.dirname(result.path));
  }

  async watch(id: string): Promise<JobWatch> {
    const record = await this.find(id);
    const { timeline, release } = await record.openTimeline();
    const { progress, log } = timeline;
    return { progress, log, samples: record.progress.samples, release };
  }

  listen(listener: JobListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Ids of the jobs that made scrubbed models, by the models' paths. */
  async makers(): Promise<ReadonlyMap<string, string>> {
    await this.opened;
    const done = (await this.store.all()).filter(({ state }) => state === 'done');
    return new Map(done.map(({ id, job }) => [job?.output ?? '', id]));
  }

  /** @throws AppError `job.not-found` */
  async find(id: string): Promise<JobRecord> {
    await this.opened;
    return this.store.get(id);
  }

  /** The model of a name, which is what clients may say of it. */
  async findModel(name: string): Promise<HostModel> {
    const models = await this.environment.host.listModels();
    const model = models.find((known) => known.name === name);
    if (model) return model;
    throw new AppError(
      'model.not-found',
      `there is no model ${JSON.stringify(name.slice(0, 200))} in the models folders. Choose one of the list, or put it there.`,
    );
  }

  private async requireDevice(wanted: string): Promise<void> {
    // The CPU is always there; trying a GPU may take half a minute.
    if (wanted === 'auto' || wanted === 'cpu') return;
    const devices = await this.environment.devices();
    const found = devices.find(({ device }) => device === wanted);
    if (found?.works) return;
    const detail = found ? found.detail : 'it is not one of this system';
    throw new AppError(
      'device.unavailable',
      `the device "${wanted}" cannot be used: ${detail}. Choose auto or cpu.`,
    );
  }

  private async settleHost(): Promise<void> {
    try {
      await this.memory.settle();
    } catch (error) {
      this.environment.onTrouble(error);
    } finally {
      this.hostStates.forget();
    }
  }

  /** Tells the host of a file that came or went; one that does not answer finds it by itself. */
  private async refreshHost(): Promise<void> {
    try {
      await this.environment.host.refresh();
      this.announceResults();
    } catch (error) {
      if (!(error instanceof AppError)) this.environment.onTrouble(error);
    }
  }

  private async changeModel(change: () => Promise<void>): Promise<void> {
    // A host changes only a model that it has, though training has less memory then.
    await this.memory.reclaim();
    try {
      await change();
    } finally {
      this.hostStates.forget();
      this.announceResults();
    }
  }

  private async requireResult(
    record: JobRecord,
    host: HostState,
  ): Promise<NonNullable<JobView['result']>> {
    const { result, state } = await this.viewOf(record, host);
    if (result) return result;
    throw state === 'done'
      ? new AppError(
          'model.not-found',
          `the scrubbed model of job ${record.id} is not there any more ("${record.job?.output ?? ''}"). Put it back, or erase again.`,
        )
      : new AppError('job.wrong-state', `job ${record.id} is ${state}: it has no model yet.`);
  }

  private async deleteResult(record: JobRecord): Promise<void> {
    const { job } = record;
    // What lies there now may be another's.
    if (!job || !(await isResultOf(job))) return;
    const { result } = await this.viewOf(record, await this.hostStates.read());
    if (!result) return;
    if (result.isActive) {
      throw new AppError(
        'model.active',
        `"${result.model}" is the active model and is not deleted. Go back to another one first.`,
      );
    }
    await removeModel(result.path);
    await this.refreshHost();
  }

  private async viewOf(record: JobRecord, host?: HostState): Promise<JobView> {
    const position = this.queue.positionOf(record);
    return viewJob(record, position, host ?? (await this.hostStates.glance()));
  }

  private async exclusively(
    id: string,
    work: (record: JobRecord) => Promise<void>,
  ): Promise<JobView> {
    return this.locked(id, async (record) => {
      await record.catchUp();
      await work(record);
      return this.viewOf(record);
    });
  }

  /** Does one thing after another with the same job. */
  private async locked<T>(id: string, work: (record: JobRecord) => Promise<T>): Promise<T> {
    const record = await this.find(id);
    const before = this.busy.get(record.id) ?? Promise.resolve();
    const done = before.catch(() => undefined).then(async () => work(await this.find(id)));
    this.busy.set(record.id, done);
    try {
      return await done;
    } finally {
      if (this.busy.get(record.id) === done) this.busy.delete(record.id);
    }
  }

  private announce(id: string, what: 'state' | 'growth'): void {
    for (const listener of this.listeners) {
      if (what === 'state') listener.changed(id);
      listener.grew(id);
    }
  }

  /** Which of the scrubbed models is active is another. */
  private announceResults(): void {
    for (const record of this.store.known()) {
      if (record.state === 'done') this.announce(record.id, 'state');
    }
  }
}
