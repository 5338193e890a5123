import path from 'node:path';
import type { z } from 'zod';

import type { AttackRequest } from '../contract/attack-view.ts';
import type { JobHistory, JobSummary, JobView } from '../contract/job-views.ts';
import type { jobRequestSchema } from '../contract/requests.ts';
import type { JobListener, JobServices, JobWatch, Uploads } from '../contract/services.ts';
import type { DeviceView } from '../contract/views.ts';
import { AppError } from '../errors.ts';
import { GraphicsMemory } from '../hosts/graphics-memory.ts';
import { HostJournal } from '../hosts/host-journal.ts';
import { type HostState, HostStates } from '../hosts/host-state.ts';
import type { HostTimeouts } from '../hosts/host-timeouts.ts';
import type { Host, HostModel } from '../hosts/host.ts';
import { HostLoras } from '../hosts/host-loras.ts';
import { ModelInUse } from '../hosts/model-in-use.ts';
import { pictureSeconds } from './estimate/picture-seconds.ts';
import { attackingToo } from './attacks/attacking-too.ts';
import { attackKey, JobAttacks } from './attacks/job-attacks.ts';
import { compareInHost } from './host-drawn/host-comparison.ts';
import { HostPictures, requireDrawing } from './host-drawn/host-pictures.ts';
import { historyOf, reportPathOf, samplePathOf, watchOf } from './job-history.ts';
import { JobListeners } from './job-listeners.ts';
import { jobLora } from './job-lora.ts';
import type { JobRecord } from './job-record.ts';
import { JobRecords } from './job-records.ts';
import { JobResults } from './job-results.ts';
import { isAllowed } from './job-status.ts';
import { modelNameOf, modelsOf, summarize, viewJob } from './job-views.ts';
import { JobSteps } from './job-steps.ts';
import type { JobBackend } from './ports.ts';
import { recoverJobs } from './recover-jobs.ts';
import { attacksElsewhere, requireWorkable, SharedJobs } from './shared-jobs.ts';
import { draftUpload } from './request/draft-upload.ts';

/** More than anyone waits for, and than a queue of many machines need have; each holds its pictures on the disk. */
const MAX_WAITING_JOBS = { own: 100, shared: 10_000 } as const;

/** What jobs are run with. */
export interface JobEnvironment {
  readonly dataFolder: string;
  readonly backend: JobBackend;
  readonly host: Host;
  /** For training on the CPU. */
  readonly threads: number;
  readonly timeouts: HostTimeouts;
  readonly devices: () => Promise<readonly DeviceView[]>;
  /** Shows a folder on the desktop. */
  readonly openFolder: (folder: string) => Promise<void>;
  /** Told of what fails where nobody waits for it. */
  readonly onTrouble: (error: unknown) => void;
}

/** The jobs of a repository: made, run in their order, looked at and removed. */
export class JobService implements JobServices {
  private readonly environment: JobEnvironment;
  private readonly records: JobRecords;
  private readonly steps: JobSteps;
  private readonly hostStates: HostStates;
  private readonly model: ModelInUse;
  private readonly loras: HostLoras;
  private readonly results: JobResults;
  private readonly attacks: JobAttacks;
  /** Null where all jobs are this process's. */
  private readonly shared: SharedJobs | null;
  private readonly listeners = new JobListeners();
  private opened: Promise<void> = Promise.resolve();

  constructor(environment: JobEnvironment) {
    this.environment = environment;
    const { backend, dataFolder, host, timeouts, devices, onTrouble } = environment;
    this.records = new JobRecords(backend);
    this.hostStates = new HostStates(host);
    const journal = new HostJournal(dataFolder);
    const memory = new GraphicsMemory(host, journal, timeouts);
    this.model = new ModelInUse({ host, journal, memory, timeouts });
    this.loras = new HostLoras({ host, journal, memory, timeouts });
    const drawing = { host, model: this.model, timeouts, memory };
    const pictures = new HostPictures({
      ...drawing,
      secondsHere: (job, signal) => pictureSeconds(job, { dataFolder, signal }),
    });
    this.steps = new JobSteps({
      backend,
      find: (id) => this.records.get(id),
      defaultDevice: async () =>
        (await devices()).find(({ isDefault }) => isDefault)?.device ?? 'cpu',
      onChange: this.listeners.tell,
      drawPictures: (job) => pictures.draw(job),
      compare: (comparing) => compareInHost(drawing, comparing),
      borrowMemory: (borrower) => memory.borrow(borrower),
      // There is nobody else here.
      leaves: () => Promise.resolve(false),
      // Not waited for: a host that draws looks when it has finished.
      onResult: () => void this.results.refreshHost(),
      onTrouble,
    });
    this.attacks = new JobAttacks({
      backend,
      find: (id) => this.records.get(id),
      onChange: this.listeners.tellState,
      onTrouble,
    });
    backend.queue.start(attackingToo(this.steps, this.attacks));
    this.shared =
      backend.sharing &&
      new SharedJobs({
        ...{ sharing: backend.sharing, records: this.records, queue: backend.queue, onTrouble },
        announce: this.listeners.tell,
        onResult: () => void this.results.refreshHost(),
      });
    this.results = new JobResults({
      ...{ host, hostStates: this.hostStates, model: this.model, loras: this.loras, onTrouble },
      artifacts: backend.artifacts,
      view: (record, state) => this.viewOf(record, state),
      onChange: () => {
        this.announceResults();
      },
    });
  }

  /** Reads the jobs there are and goes on with what was under way; whoever asks waits for it. */
  open(): Promise<void> {
    this.opened = this.openRecords();
    return this.opened;
  }

  /** Starts nothing any more and has what trains save its state; it goes on with the next server. */
  async close(patience: AbortSignal): Promise<void> {
    await this.opened.catch(() => undefined);
    this.steps.close();
    this.attacks.close();
    this.shared?.close();
    await this.queue.close(patience, new AppError('job.cancelled', 'the server was ended.'));
    await this.environment.backend.close();
  }

  async list(): Promise<JobSummary[]> {
    await this.opened;
    const [records, host] = await Promise.all([this.records.all(), this.hostStates.glance()]);
    return records.map((record) => summarize(record, this.positionOf(record), host));
  }

  async view(id: string): Promise<JobView> {
    return this.viewOf(await this.find(id));
  }

  async create(request: z.output<typeof jobRequestSchema>, uploads: Uploads): Promise<JobView> {
    await this.opened;
    const { host, dataFolder, threads, backend } = this.environment;
    const maxWaiting = MAX_WAITING_JOBS[this.shared ? 'shared' : 'own'];
    if (this.queue.waiting().length >= maxWaiting) {
      throw new AppError(
        'request.too-many',
        `${maxWaiting} jobs are waiting already. Wait until some are done, or cancel them.`,
      );
    }
    const model = await this.findModel(request.model);
    if (this.shared) requireWorkable(request.pictures);
    else await this.requireDevice(request.device);
    if (request.pictures === 'host') requireDrawing(host);
    const place = { model, host, dataFolder, threads, repository: backend.repository };
    const record = await this.records.add(await draftUpload(request, uploads, place));
    await this.enqueue(record);
    return this.viewOf(record);
  }

  cancel(id: string): Promise<JobView> {
    return this.exclusively(id, async (record) => {
      const reason = (what: string) => new AppError('job.cancelled', `job ${record.id} ${what}.`);
      if (await this.queue.remove(record.id)) {
        await this.steps.settle(record, reason('was cancelled while it waited'));
      } else if (!(await this.queue.cancel(record.id, reason('was cancelled')))) {
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
      const { state, status } = record;
      if (!isAllowed(state, 'resume')) {
        throw new AppError(
          'job.wrong-state',
          `job ${record.id} is ${state}: only one that was cancelled, failed or was interrupted can be resumed.`,
        );
      }
      if (record.job) await this.environment.backend.runner.requireUnfinished(record.id);
      await this.shared?.restore(record);
      await status.advance('resume', {
        queuedAt: new Date().toISOString(),
        interruption: null,
        recoveries: { count: 0, step: 0 },
      });
      await this.enqueue(record);
    });
  }

  apply(id: string, strength?: number): Promise<JobView> {
    return this.exclusively(id, (record) => this.results.apply(record, strength));
  }

  rollback(id: string): Promise<JobView> {
    return this.exclusively(id, (record) => this.results.rollback(record));
  }

  applyLora(id: string): Promise<JobView> {
    return this.exclusively(id, (record) => this.results.applyLora(record));
  }

  rollbackLora(id: string): Promise<JobView> {
    return this.exclusively(id, (record) => this.results.rollbackLora(record));
  }

  attack(id: string, request: AttackRequest): Promise<JobView> {
    if (this.shared) throw attacksElsewhere(id);
    return this.exclusively(id, (record) => this.attacks.ask(record, request));
  }

  cancelAttacks(id: string): Promise<JobView> {
    return this.exclusively(id, (record) => this.attacks.cancel(record));
  }

  async delete(id: string, { withModel }: { withModel: boolean }): Promise<void> {
    await this.locked(id, async (record) => {
      if (record.isOurs || record.isRunElsewhere || this.attacks.isOwed(record)) {
        throw new AppError(
          'job.wrong-state',
          this.attacks.isOwed(record)
            ? `job ${record.id} is being attacked: cancel that before it is deleted.`
            : `job ${record.id} is ${record.state}: cancel it before it is deleted.`,
        );
      }
      if (withModel) await this.results.remove(record);
      await this.results.forgetLora(record);
      await this.records.delete(record);
      for (const model of modelsOf(record)) await this.model.forget(model);
      this.listeners.tell(record.id, 'state');
    });
  }

  async history(id: string): Promise<JobHistory> {
    return historyOf(await this.find(id));
  }

  async samplePath(id: string, file: string): Promise<string> {
    return samplePathOf(await this.find(id), file, this.environment.backend.artifacts);
  }

  async reportPath(id: string): Promise<string> {
    return reportPathOf(await this.find(id), this.environment.backend.artifacts);
  }

  async openFolder(id: string): Promise<void> {
    const record = await this.find(id);
    const result = await this.results.require(record, await this.hostStates.glance());
    await this.environment.openFolder(path.dirname(result.path));
  }

  async watch(id: string): Promise<JobWatch> {
    return watchOf(await this.find(id));
  }

  listen(listener: JobListener): () => void {
    return this.listeners.add(listener);
  }

  /** All jobs as they are known here, the newest first. */
  async all(): Promise<readonly JobRecord[]> {
    await this.opened;
    return this.records.all();
  }

  /** @throws AppError `job.not-found` */
  async find(id: string): Promise<JobRecord> {
    await this.opened;
    return this.records.get(id);
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

  private get queue(): JobBackend['queue'] {
    return this.environment.backend.queue;
  }

  private async openRecords(): Promise<void> {
    await this.records.open();
    const records = this.records.known();
    for (const { job, status } of records) {
      const { modelBefore } = status.current;
      if (modelBefore === null || !job) continue;
      await this.model.adopt(job.output, modelBefore);
      await status.change({ modelBefore: null });
    }
    // Jobs wait for it where they need the host; who asks for them does not.
    void this.settleHost();
    if (this.shared) {
      this.shared.open();
      return;
    }
    for (const { id } of await recoverJobs(records)) await this.queue.add(id);
    for (const record of records) {
      if (this.attacks.isOwed(record)) await this.queue.add(attackKey(record.id));
    }
  }

  private async enqueue(record: JobRecord): Promise<void> {
    await this.queue.add(record.id);
    this.listeners.tell(record.id, 'state');
  }

  /** Jobs before it; null for one that does not wait. */
  private positionOf({ id }: JobRecord): number | null {
    const position = this.queue.waiting().indexOf(id);
    return position < 0 ? null : position;
  }

  private async settleHost(): Promise<void> {
    try {
      await this.model.settle();
    } catch (error) {
      this.environment.onTrouble(error);
    } finally {
      this.hostStates.forget();
    }
  }

  private async viewOf(record: JobRecord, host?: HostState): Promise<JobView> {
    const state = host ?? (await this.hostStates.glance());
    const { artifacts } = this.environment.backend;
    const lora = await jobLora(record, artifacts);
    return viewJob(record, {
      queuePosition: this.positionOf(record),
      host: state,
      before: await this.beforeOf(record, state),
      lora: lora && { ...lora, usedAt: await this.loras.placeOf(lora.file) },
      artifacts,
    });
  }

  /** The model before the one of a job's that is in use, or was as far as is known. */
  private async beforeOf(record: JobRecord, host: HostState): Promise<string | null> {
    const models = modelsOf(record);
    const used = models.find((model) => modelNameOf(model, host) === host.active) ?? models[0];
    return used === undefined ? null : this.model.before(used);
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
    const { actions } = await this.find(id);
    // It may have been deleted by whoever came before.
    return actions.runExclusive(async () => work(await this.find(id)));
  }

  /** Which of the scrubbed models is active is another. */
  private announceResults(): void {
    for (const record of this.records.known()) {
      if (record.state === 'done') this.listeners.tell(record.id, 'state');
    }
  }
}
