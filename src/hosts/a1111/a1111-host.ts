import path from 'node:path';
import { z } from 'zod';

import { pathExists, resultFolderOf } from '../../checkpoint/output-path.ts';
import { AppError } from '../../errors.ts';
import type { Host, HostModel } from '../host.ts';
import { type HostClient, HostRefusal } from '../host-client.ts';
import { modelGone } from '../model-gone.ts';
import { webUiModelsOnDisk } from '../models-on-disk.ts';
import { Remembered } from '../remembered.ts';
import { entriesSchema, optionsSchema, pictureSchema, progressSchema } from './api-schema.ts';
import { chosenEntry, nameOf } from './entries.ts';
import { detectVariant, type Variant } from './variants.ts';

/** A picture that costs a host nearly nothing: SD models go down to 64 pixels. */
const trial = {
  prompt: 'a photo of a cat',
  steps: 2,
  width: 64,
  height: 64,
  cfg_scale: 7,
  sampler_name: 'Euler',
  batch_size: 1,
  n_iter: 1,
  send_images: true,
  save_images: false,
  do_not_save_samples: true,
  do_not_save_grid: true,
};

/** AUTOMATIC1111's web UI and its relatives Forge, reForge and SD.Next, over `/sdapi/v1`. */
export class A1111Host implements Host {
  readonly kind = 'a1111';
  private readonly client: HostClient;
  private readonly entries = new Remembered(() => this.read('sd-models', entriesSchema));
  private readonly options = new Remembered(() => this.read('options', optionsSchema));
  private variant: Variant | null = null;

  constructor(client: HostClient) {
    this.client = client;
  }

  isReachable(): Promise<boolean> {
    return this.client.isReachable('internal/ping');
  }

  async listModels(): Promise<readonly HostModel[]> {
    const entries = await this.entries.get();
    const named = new Map(entries.map((entry) => [nameOf(entry), path.resolve(entry.filename)]));
    const listed = [...named].map(([name, file]) => ({ name, path: file }));
    return webUiModelsOnDisk(listed, this.client.label);
  }

  async refresh(): Promise<void> {
    await this.work('refresh-checkpoints', {}, z.unknown());
    this.entries.forget();
  }

  resultFolder({ path: modelPath }: HostModel): string {
    return resultFolderOf(modelPath);
  }

  async activeModel(): Promise<string | null> {
    const [entries, options] = await Promise.all([this.entries.get(), this.options.get()]);
    const entry = chosenEntry(entries, options);
    if (entry) return nameOf(entry);
    // Chosen, but its file was deleted since.
    const title = options.sd_model_checkpoint;
    return title ? nameOf({ title }) : null;
  }

  async activate(name: string): Promise<void> {
    this.entries.forget();
    const entry = (await this.entries.get()).find((known) => nameOf(known) === name);
    // A listed file that was deleted would leave the host without a model that works.
    if (!entry || !(await pathExists(entry.filename))) throw modelGone(name);
    try {
      await this.work('options', { sd_model_checkpoint: entry.title }, z.unknown());
    } finally {
      this.entries.forget();
      this.options.forget();
    }
    const active = await this.activeModel();
    if (active === name) return;
    // It answers 200 to what it could not load, and takes the one before again.
    throw new AppError(
      'host.failed',
      `${this.client.label} could not load "${name}" and went back to "${active ?? 'none'}"; its console says why.`,
    );
  }

  async drawTrial(): Promise<string | null> {
    const seed = Math.floor(Math.random() * 2 ** 31);
    const { info } = await this.work('txt2img', { ...trial, seed }, pictureSchema);
    // Only now does it know the hash of a file that it just loaded.
    this.entries.forget();
    this.variant ??= await detectVariant(this.client);
    const entry = await this.variant.drawnWith(this.client, info, await this.entries.get());
    if (entry) return nameOf(entry);
    throw new AppError(
      'host.failed',
      `${this.client.label} does not say which model it draws with.`,
    );
  }

  async isBusy(): Promise<boolean> {
    const { state } = await this.read('progress?skip_current_image=true', progressSchema);
    return state.job !== '';
  }

  async freeMemory(): Promise<void> {
    await this.work('unload-checkpoint', {}, z.unknown());
  }

  async reclaimMemory(): Promise<void> {
    // Without it AUTOMATIC1111 draws with a model that is half here and half there.
    await this.work('reload-checkpoint', {}, z.unknown());
  }

  private read<T>(route: string, schema: z.ZodType<T>): Promise<T> {
    return this.withApi(this.client.get(`sdapi/v1/${route}`, schema));
  }

  /** Something that takes its time, or waits until what is drawn has ended. */
  private work<T>(route: string, body: object, schema: z.ZodType<T>): Promise<T> {
    const { workMs } = this.client.patience;
    return this.withApi(this.client.post(`sdapi/v1/${route}`, body, schema, workMs));
  }

  private async withApi<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (cause) {
      if (!(cause instanceof HostRefusal) || cause.status !== 404) throw cause;
      throw new AppError(
        'host.no-api',
        `${this.client.label} was started without its API. Add --api to its command line (COMMANDLINE_ARGS in webui-user), restart it, then try again.`,
        { cause },
      );
    }
  }
}
