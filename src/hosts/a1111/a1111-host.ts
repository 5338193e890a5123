import path from 'node:path';
import { z } from 'zod';

import { withoutModelEnding } from '../../checkpoint/model-ending.ts';
import { pathExists, resultFolderOf } from '../../checkpoint/output-path.ts';
import { AppError } from '../../errors.ts';
import { CachedAnswer } from '../../cached-answer.ts';
import { type DrawingGuess, guessFrom, joinGuesses, noGuess } from '../../drawing/drawing-guess.ts';
import { a1111Names } from '../../diffusion/samplers/sampler-names.ts';
import type { Host, HostFile, HostModel, HostPicture, HostVae, PictureRequest } from '../host.ts';
import { type HostClient, HostRefusal } from '../host-client.ts';
import { loraTag } from '../../lora-tag.ts';
import { embeddingsIn } from '../embedding-files.ts';
import { hostPicture } from '../host-picture.ts';
import { modelGone } from '../model-gone.ts';
import { webUiModelsOnDisk } from '../models-on-disk.ts';
import { trialPicture } from '../trial-picture.ts';
import { usualLoraFolder } from '../usual-lora-folder.ts';
import {
  type CheckpointEntry,
  entriesSchema,
  type Flags,
  flagsSchema,
  lorasSchema,
  optionsSchema,
  pictureSchema,
  placeSchema,
  progressSchema,
  refusedFlagsSchema,
} from './api-schema.ts';
import { choiceOf, chosenEntry, nameOf } from './entries.ts';
import { drawingOfPicture, readLastPicture, restoreLastPicture } from './last-picture.ts';
import { readVaes } from './vaes.ts';
import { detectVariant, type Variant, webUiName } from './variants.ts';

/** What SD.Next's option says before the first choice, of a file that need not be there. */
const UNCHOSEN = 'model.safetensors';

/** AUTOMATIC1111's web UI and its relatives Forge, Forge Neo, reForge and SD.Next, over `/sdapi/v1`. */
export class A1111Host implements Host {
  readonly kind = 'a1111';
  readonly canDraw = true;
  private readonly client: HostClient;
  private readonly folder: string | null;
  private readonly entries = new CachedAnswer(() => this.readEntries());
  private readonly options = new CachedAnswer(() => this.read('options', optionsSchema));
  private variant: Variant | null = null;
  /** The active model, while another one is loaded for its pictures. */
  private setAside: string | null = null;

  /** @param folder that the web UI runs in; null where it is not known */
  constructor(client: HostClient, folder: string | null = null) {
    this.client = client;
    this.folder = folder;
  }

  isReachable(): Promise<boolean> {
    return this.client.isReachable('internal/ping');
  }

  async name(): Promise<string> {
    this.variant ??= await detectVariant(this.client);
    return this.variant.name ?? webUiName(await this.options.get());
  }

  async listModels(): Promise<readonly HostModel[]> {
    const entries = await this.entries.get();
    const named = new Map(entries.map((entry) => [nameOf(entry), entry.filename]));
    const listed = [...named].map(([name, file]) => ({ name, path: file }));
    return webUiModelsOnDisk(listed, this.client.label);
  }

  async refresh(): Promise<void> {
    await this.work('refresh-checkpoints', {}, { schema: z.unknown() });
    this.entries.forget();
  }

  resultFolder({ path: modelPath }: HostModel): string {
    return resultFolderOf(modelPath);
  }

  async loraFolder(): Promise<string | null> {
    const told = await this.toldFolder('lora_dir');
    if (told !== null) return told;
    // Where it is unless its user says otherwise.
    for (const { path: modelPath } of await this.listModels()) {
      const usual = await usualLoraFolder(modelPath);
      if (usual !== null) return usual;
    }
    return null;
  }

  async listLoras(): Promise<readonly HostFile[]> {
    try {
      const { workMs: timeoutMs } = this.client.timeouts;
      await this.client.post('sdapi/v1/refresh-loras', {}, z.unknown(), { timeoutMs });
      const loras = await this.client.get('sdapi/v1/loras', lorasSchema);
      const folder = this.folder ?? '';
      return loras.map(({ name, path: file }) => ({
        name,
        path: path.join(path.isAbsolute(file) ? '' : folder, file),
      }));
    } catch (cause) {
      if (!(cause instanceof HostRefusal) || cause.status !== 404) throw cause;
      throw new AppError(
        'host.failed',
        `${this.client.label} does not tell of its LoRAs. Switch its built-in extension for LoRAs on, restart it, then try again.`,
        { cause },
      );
    }
  }

  async listEmbeddings(): Promise<readonly HostFile[]> {
    // Its list of them tells no files.
    const folder = await this.toldFolder('embeddings_dir');
    return folder === null ? [] : embeddingsIn(folder);
  }

  async listVaes(): Promise<readonly HostVae[]> {
    const { sd_vae: chosen, forge_additional_modules: modules } = await this.options.get();
    const vaes = await readVaes(this.client);
    return vaes.map(({ model_name: name, filename }) => {
      const isModule = Array.isArray(modules) && modules.includes(filename);
      return { name, path: this.pathOf(filename), isChosen: name === chosen || isModule };
    });
  }

  async guessDrawing({ path: modelPath }: HostModel): Promise<DrawingGuess> {
    const { CLIP_stop_at_last_layers: clipSkip } = await this.options.get();
    const set =
      clipSkip === null || clipSkip === undefined
        ? noGuess
        : guessFrom('the web UI’s “Clip skip”', { clipSkip });
    const text = this.folder === null ? null : await readLastPicture(this.folder);
    const model = withoutModelEnding(path.basename(modelPath));
    const drawn = text === null ? null : drawingOfPicture(text, model);
    if (drawn === null) return set;
    return joinGuesses(set, guessFrom(`your last picture with it in ${await this.name()}`, drawn));
  }

  async activeModel(): Promise<string | null> {
    const [entries, options] = await Promise.all([this.entries.get(), this.options.get()]);
    const entry = chosenEntry(entries, options);
    if (entry) return nameOf(entry);
    const title = options.sd_model_checkpoint;
    if (!title || title === UNCHOSEN) return null;
    // Chosen, but its file was deleted since.
    return nameOf({ title });
  }

  async activate(name: string): Promise<void> {
    const choice = choiceOf(await this.entryOf(name), await this.options.get());
    try {
      await this.work('options', choice, { schema: z.unknown() });
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

  async draw(request: PictureRequest, signal?: AbortSignal): Promise<HostPicture> {
    const { folder } = this;
    if (folder === null) return this.drawOne(request, signal);
    const before = await readLastPicture(folder);
    try {
      return await this.drawOne(request, signal);
    } finally {
      // What its user drew last stays what it is.
      await restoreLastPicture(folder, { before, prompt: bodyOf(request).prompt });
    }
  }

  async restoreActive(): Promise<void> {
    const name = this.setAside;
    if (name === null) return;
    this.setAside = null;
    // Its option names the active model already; the next picture loads it.
    if (this.variant?.reloadsAtOnce) await this.activate(name);
    else await this.draw(trialPicture());
  }

  async isBusy(): Promise<boolean> {
    const { state } = await this.read('progress?skip_current_image=true', progressSchema);
    return state.job !== '';
  }

  async freeMemory(): Promise<void> {
    await this.work('unload-checkpoint', {}, { schema: z.unknown() });
  }

  async reclaimMemory(): Promise<void> {
    // Without it AUTOMATIC1111 draws with a model that is half here and half there.
    const { workMs: timeoutMs } = this.client.timeouts;
    try {
      await this.client.post('sdapi/v1/reload-checkpoint', {}, z.unknown(), { timeoutMs });
    } catch (error) {
      // Forge Neo has none: it takes the model back when it draws.
      if (!(error instanceof HostRefusal) || error.status !== 404) throw error;
    }
  }

  private async drawOne(request: PictureRequest, signal?: AbortSignal): Promise<HostPicture> {
    this.variant ??= await detectVariant(this.client);
    const body = { ...bodyOf(request), ...(await this.overrideWith(request, this.variant)) };
    const { info, images } = await this.work('txt2img', body, { schema: pictureSchema, signal });
    // Only now does it know the hash of a file that it just loaded.
    this.entries.forget();
    const entry = await this.variant.drawnWith(this.client, info, await this.entries.get());
    const drawn = entry && nameOf(entry);
    if (drawn === undefined) {
      throw this.failed('does not say which model it draws with.');
    }
    // It passes over the name of a model that it does not know.
    if (request.model !== null && drawn !== request.model) {
      throw this.failed(`draws with "${drawn}" and not with "${request.model}".`);
    }
    const { state } = await this.read('progress?skip_current_image=true', progressSchema);
    if (state.interrupted) {
      // What was drawn until then is sent as if it were the picture.
      throw this.failed(`was interrupted while it drew a picture with "${drawn}".`);
    }
    const place = placeSchema.safeParse(info).data?.index_of_first_image ?? 0;
    return hostPicture(Buffer.from(images[place] ?? '', 'base64'), drawn, this.client.label);
  }

  /** A folder that its options or its flags name; null where neither does. */
  private async toldFolder(name: keyof Flags): Promise<string | null> {
    const told = (await this.options.get())[name] ?? (await this.flags())[name];
    if (!told) return null;
    return this.folder === null ? absoluteOrNull(told) : path.resolve(this.folder, told);
  }

  /** What it was started with, defaults too; nothing where it cannot be asked. */
  private async flags(): Promise<Flags> {
    try {
      return await this.client.get('sdapi/v1/cmd-flags', flagsSchema);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      if (!(error instanceof HostRefusal)) return {};
      // Of some it answers with an error of its own.
      return refusedFlagsSchema.safeParse(error.body).data?.body ?? {};
    }
  }

  private async readEntries(): Promise<CheckpointEntry[]> {
    const entries = await this.read('sd-models', entriesSchema);
    return entries.map((entry) => ({ ...entry, filename: this.pathOf(entry.filename) }));
  }

  /** SD.Next names what is below the folder that it runs in by the path from there. */
  private pathOf(filename: string): string {
    if (this.folder !== null) return path.resolve(this.folder, filename);
    if (path.isAbsolute(filename)) return path.resolve(filename);
    throw this.failed(
      `names its models by paths within its own folder, such as "${filename}". Give that folder to the sidecar with --host-folder.`,
    );
  }

  /** What has a picture drawn with a model and a clip skip that need not be the user's. */
  private async overrideWith(
    { model, clipSkip }: PictureRequest,
    { reloadsAtOnce }: Variant,
  ): Promise<object> {
    const settings: Record<string, unknown> = {};
    if (model !== null) {
      const active = await this.activeModel();
      if (active !== model) this.setAside ??= active;
      settings.sd_model_checkpoint = (await this.entryOf(model)).title;
    }
    // SD.Next keeps what it is overridden with, and has a field of the request for it.
    if (clipSkip !== undefined && !reloadsAtOnce) settings.CLIP_stop_at_last_layers = clipSkip;
    return {
      ...(clipSkip !== undefined && reloadsAtOnce && { clip_skip: clipSkip }),
      ...(Object.keys(settings).length > 0 && {
        override_settings: settings,
        // Of the option, not of what is loaded.
        override_settings_restore_afterwards: !reloadsAtOnce,
      }),
    };
  }

  /** @throws AppError `model.not-found` */
  private async entryOf(name: string): Promise<CheckpointEntry> {
    this.entries.forget();
    const entry = (await this.entries.get()).find((known) => nameOf(known) === name);
    // A listed file that was deleted would leave the host without a model that works.
    if (!entry || !(await pathExists(entry.filename))) throw modelGone(name);
    return entry;
  }

  private failed(what: string): AppError {
    return new AppError('host.failed', `${this.client.label} ${what}`);
  }

  private read<T>(route: string, schema: z.ZodType<T>): Promise<T> {
    return this.withApi(this.client.get(`sdapi/v1/${route}`, schema));
  }

  /** Something that takes its time, or waits until what is drawn has ended. */
  private work<T>(
    route: string,
    body: object,
    {
      schema,
      signal,
    }: { readonly schema: z.ZodType<T>; readonly signal?: AbortSignal | undefined },
  ): Promise<T> {
    const { workMs: timeoutMs } = this.client.timeouts;
    return this.withApi(this.client.post(`sdapi/v1/${route}`, body, schema, { timeoutMs, signal }));
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

function absoluteOrNull(folder: string): string | null {
  return path.isAbsolute(folder) ? folder : null;
}

function bodyOf(request: PictureRequest) {
  const { prompt, negativePrompt, seed, steps, guidanceScale, sampler, width, height, lora } =
    request;
  return {
    prompt: lora ? `${prompt} ${loraTag(lora.name, lora.strength)}` : prompt,
    negative_prompt: negativePrompt,
    seed,
    steps,
    cfg_scale: guidanceScale,
    width,
    height,
    ...a1111Names(sampler),
    batch_size: 1,
    n_iter: 1,
    send_images: true,
    save_images: false,
    do_not_save_samples: true,
    do_not_save_grid: true,
  };
}
