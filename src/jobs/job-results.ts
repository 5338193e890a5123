import { resultFolderOf } from '../checkpoint/output-path.ts';
import type { JobView } from '../contract/job-views.ts';
import { isResultOf } from '../erase/result.ts';
import { AppError } from '../errors.ts';
import { removeModel } from '../families/model-on-disk.ts';
import type { Host } from '../hosts/host.ts';
import type { HostState, HostStates } from '../hosts/host-state.ts';
import type { HostLoras } from '../hosts/host-loras.ts';
import type { ModelInUse } from '../hosts/model-in-use.ts';
import { jobLora, loraKeptAt } from './job-lora.ts';
import type { JobRecord } from './job-record.ts';
import { modelNameOf } from './job-views.ts';
import { writeMergedModel } from './merged-models.ts';
import type { Artifacts } from './ports.ts';

interface ResultTools {
  readonly host: Host;
  readonly hostStates: HostStates;
  readonly model: ModelInUse;
  readonly loras: HostLoras;
  readonly artifacts: Artifacts;
  readonly view: (record: JobRecord, host: HostState) => Promise<JobView>;
  /** The active model may be another, or the list of models. */
  readonly onChange: () => void;
  /** Told of what fails where nobody waits for it. */
  readonly onTrouble: (error: unknown) => void;
}

/** What is done with the models that jobs made: used, left again, removed. */
export class JobResults {
  private readonly tools: ResultTools;

  constructor(tools: ResultTools) {
    this.tools = tools;
  }

  /**
   * Makes a job's model the active one.
   *
   * @param strength how many times its change counts: another than 1, and any where the result is a LoRA file,
   *   is merged into a checkpoint first. Undefined: the result as it is
   * @throws AppError `job.wrong-state`, `model.not-found`, `checkpoint.*`, `output.*`, `host.*`
   */
  async apply(record: JobRecord, strength?: number): Promise<void> {
    const state = await this.tools.hostStates.read();
    const result = await this.require(record, state);
    if (result.kind === 'lora' && strength === undefined) return this.applyLora(record);
    const isResult = result.kind === 'checkpoint' && (strength ?? 1) === 1;
    const model = isResult ? result : await this.mergedAt(record, strength ?? 1, state);
    if (model.isActive) {
      throw new AppError('job.wrong-state', `"${model.model}" is the active model already.`);
    }
    const original = modelNameOf(record.modelPath, state);
    await this.change(() => this.tools.model.use(model.path, original));
  }

  /** The checkpoint of a job's LoRA at a strength, made where it is not there. */
  private async mergedAt(record: JobRecord, strength: number, state: HostState) {
    const { merged, lora } = await this.tools.view(record, state);
    const known = merged.find((one) => one.strength === strength);
    if (known) return known;
    const { job, modelPath } = record;
    if (!job || !lora) {
      throw new AppError(
        'job.wrong-state',
        `job ${record.id} has no LoRA file, so its model is there at strength 1 alone. Use it at 1, or erase with "lora" or "both" as the result.`,
      );
    }
    const original = state.models.find((model) => model.path === modelPath);
    const folder = original ? this.tools.host.resultFolder(original) : resultFolderOf(modelPath);
    const place = { lora: lora.usedAt ?? lora.path, strength, folder };
    const made = await writeMergedModel(job, place);
    // Of another file that somebody deleted nobody asks any more.
    const others = record.status.current.merged.filter((one) => one.strength !== strength);
    await record.status.change({ merged: [...others, made] });
    return { ...made, model: modelNameOf(made.path, state), isActive: false };
  }

  /**
   * Goes back to the model that was active before a job's.
   *
   * @throws AppError `job.wrong-state`, `model.not-found`, `host.*`
   */
  async rollback(record: JobRecord): Promise<void> {
    const state = await this.tools.hostStates.read();
    const { result, rollbackTo, merged } = await this.tools.view(record, state);
    const active = merged.find(({ isActive }) => isActive);
    if (result?.kind === 'lora' && !active) return this.rollbackLora(record);
    const { job } = record;
    if (rollbackTo === null || !job) {
      throw new AppError(
        'job.wrong-state',
        `the model of job ${record.id} is not the active one, so there is nothing to go back from.`,
      );
    }
    const back = result || active ? state.active : null;
    await this.change(() => this.tools.model.goBack(active?.path ?? job.output, back));
  }

  /**
   * Puts a job's LoRA file into the host's folder.
   *
   * @throws AppError `job.wrong-state`, `host.*`, `output.*`
   */
  async applyLora(record: JobRecord): Promise<void> {
    const { lora } = await this.tools.view(record, await this.tools.hostStates.glance());
    if (!lora) throw new AppError('job.wrong-state', `job ${record.id} has made no LoRA file.`);
    if (lora.usedAt !== null) {
      throw new AppError('job.wrong-state', `"${lora.usedAt}" is there already.`);
    }
    await this.change(() => this.tools.loras.use(lora.path));
  }

  /**
   * Takes a job's LoRA file out of the host's folder.
   *
   * @throws AppError `job.wrong-state`
   */
  async rollbackLora(record: JobRecord): Promise<void> {
    const { lora } = await this.tools.view(record, await this.tools.hostStates.glance());
    if (lora?.usedAt == null) {
      throw new AppError(
        'job.wrong-state',
        `the LoRA of job ${record.id} is not in the web UI's folder, so there is nothing to take out.`,
      );
    }
    const { artifacts } = this.tools;
    const keptAt = await loraKeptAt(record, lora.path, artifacts);
    await this.change(() => this.tools.loras.takeOut(lora.path, keptAt));
    await artifacts.checkIn(record.id);
  }

  /** Before a job is deleted: with it goes the copy of its LoRA file in the host's folder. */
  async forgetLora(record: JobRecord): Promise<void> {
    const lora = await jobLora(record, this.tools.artifacts);
    if (lora) await this.change(() => this.tools.loras.forget(lora.file));
  }

  /**
   * Removes a job's model, where it is still there and the job's own, and what was merged from its LoRA.
   *
   * @throws AppError `model.active`, `host.*`
   */
  async remove(record: JobRecord): Promise<void> {
    const { job } = record;
    // What lies there now may be another's.
    if (!job || !(await isResultOf(job))) return;
    const { result, merged } = await this.tools.view(record, await this.tools.hostStates.read());
    if (!result) return;
    const models = result.kind === 'lora' ? merged : [result, ...merged];
    const active = models.find(({ isActive }) => isActive);
    if (active) {
      throw new AppError(
        'model.active',
        `"${active.model}" is the active model and is not deleted. Go back to another one first.`,
      );
    }
    if (result.kind === 'lora') await this.forgetLora(record);
    await removeModel(result.path);
    for (const { path: file } of merged) await removeModel(file);
    if (result.kind === 'lora') await this.tools.loras.refresh();
    if (models.length > 0) await this.refreshHost();
  }

  /** @throws AppError `job.wrong-state`, `model.not-found` for a job that has no model */
  async require(record: JobRecord, host: HostState): Promise<NonNullable<JobView['result']>> {
    const { result, state } = await this.tools.view(record, host);
    if (result) return result;
    throw state === 'done'
      ? new AppError(
          'model.not-found',
          `the scrubbed model of job ${record.id} is not there any more ("${record.job?.output ?? ''}"). Put it back, or erase again.`,
        )
      : new AppError('job.wrong-state', `job ${record.id} is ${state}: it has no model yet.`);
  }

  /** Tells the host of a file that came or went; one that does not answer finds it by itself. */
  async refreshHost(): Promise<void> {
    try {
      await this.tools.host.refresh();
      this.tools.onChange();
    } catch (error) {
      if (!(error instanceof AppError)) this.tools.onTrouble(error);
    }
  }

  private async change(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } finally {
      this.tools.hostStates.forget();
      this.tools.onChange();
    }
  }
}
