import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { z } from 'zod';

import { AppError } from '../../errors.ts';
import { CachedAnswer } from '../../cached-answer.ts';
import { type DrawingGuess, guessFrom, noGuess } from '../../drawing/drawing-guess.ts';
import { ChosenModel } from '../chosen-model.ts';
import type { Host, HostFile, HostModel, HostPicture, HostVae, PictureRequest } from '../host.ts';
import { type HostClient, HostRefusal, shorten } from '../host-client.ts';
import { hostPicture } from '../host-picture.ts';
import { modelGone } from '../model-gone.ts';
import { webUiModelsOnDisk } from '../models-on-disk.ts';
import {
  filesSchema,
  type Ended,
  foldersSchema,
  type HistoryMessage,
  historySchema,
  queuedSchema,
  queueSchema,
  ranSchema,
  refusalSchema,
} from './api-schema.ts';
import { drawingOf, vaeOf, type WorkflowGraph } from './drawing-of-graph.ts';
import { PICTURE_NODE, pictureGraph } from './picture-graph.ts';

/** Workflows in which a model is looked for that was drawn with. */
const MAX_LOOKED_AT = 50;

/**
 * ComfyUI. Each workflow names its checkpoint, so there is no active model: it is the one that was
 * chosen here, which the page puts into the workflow.
 */
export class ComfyUiHost implements Host {
  readonly kind = 'comfyui';
  readonly canDraw = true;
  private readonly client: HostClient;
  private readonly chosen: ChosenModel;
  private readonly listing = new CachedAnswer(() => this.askModels());
  private readonly lastGraphs = new CachedAnswer(() => this.askLastGraphs());
  /** Chosen, but not yet drawn with. */
  private candidate: string | null = null;

  /** @param dataFolder where the choice is kept */
  constructor(client: HostClient, dataFolder: string) {
    this.client = client;
    this.chosen = new ChosenModel(dataFolder);
  }

  name(): Promise<string> {
    return Promise.resolve('ComfyUI');
  }

  isReachable(): Promise<boolean> {
    return this.client.isReachable('queue');
  }

  listModels(): Promise<readonly HostModel[]> {
    return this.listing.get();
  }

  refresh(): Promise<void> {
    // It looks at its folders whenever it is asked.
    this.listing.forget();
    return Promise.resolve();
  }

  resultFolder({ path: modelPath }: HostModel): string {
    return path.dirname(modelPath);
  }

  async loraFolder(): Promise<string | null> {
    return (await this.foldersOf('loras'))[0] ?? null;
  }

  async listLoras(): Promise<readonly HostFile[]> {
    return (await this.askFiles('loras')).map(([name, file]) => ({ name, path: file }));
  }

  async listEmbeddings(): Promise<readonly HostFile[]> {
    const embeddings = await this.askFiles('embeddings');
    return embeddings.map(([name, file]) => ({ name, path: file }));
  }

  async listVaes(): Promise<readonly HostVae[]> {
    const vaes = await this.askFiles('vae');
    // Each workflow names its own.
    const [chosen] = (await this.lastGraphs.get()).flatMap((graph) => vaeOf(graph) ?? []);
    return vaes.map(([name, file]) => ({ name, path: file, isChosen: name === chosen }));
  }

  async guessDrawing({ name }: HostModel): Promise<DrawingGuess> {
    const drawn = (await this.lastGraphs.get()).flatMap((graph) => drawingOf(graph, name) ?? []);
    const [last] = drawn;
    return last ? guessFrom('your last picture with it in ComfyUI', last) : noGuess;
  }

  activeModel(): Promise<string | null> {
    return this.chosen.read();
  }

  async activate(name: string): Promise<void> {
    this.listing.forget();
    const model = (await this.listing.get()).find((known) => known.name === name);
    if (!model) throw modelGone(name);
    this.candidate = name;
  }

  async draw(request: PictureRequest, signal?: AbortSignal): Promise<HostPicture | null> {
    if (request.model !== null) return this.drawWith(request.model, request, signal);
    const { candidate } = this;
    this.candidate = null;
    const name = candidate ?? (await this.chosen.read());
    if (name === null) return null;
    const picture = await this.drawWith(name, request, signal);
    if (candidate !== null) await this.chosen.choose(candidate);
    return picture;
  }

  restoreActive(): Promise<void> {
    // Each prompt names its checkpoint.
    return Promise.resolve();
  }

  async isBusy(): Promise<boolean> {
    const { queue_running, queue_pending } = await this.client.get('queue', queueSchema);
    return queue_running.length + queue_pending.length > 0;
  }

  async freeMemory(): Promise<void> {
    await this.client.post('free', { unload_models: true, free_memory: true }, z.unknown());
  }

  reclaimMemory(): Promise<void> {
    // The next prompt loads what it needs.
    return Promise.resolve();
  }

  /** Workflows that its user ran, the newest first. */
  private async askLastGraphs(): Promise<readonly WorkflowGraph[]> {
    const ran = await this.client.get(`history?max_items=${MAX_LOOKED_AT}`, ranSchema);
    return Object.values(ran)
      .sort((a, b) => b.prompt[0] - a.prompt[0])
      .map(({ prompt: [, , graph] }) => graph);
  }

  private async askModels(): Promise<HostModel[]> {
    const files = await this.askFiles('checkpoints');
    const named = files.map(([name, file]) => ({ name, path: file }));
    return webUiModelsOnDisk(named, this.client.label);
  }

  private async foldersOf(kind: string): Promise<readonly string[]> {
    const kinds = await this.client.get('experiment/models', foldersSchema);
    return kinds.find(({ name }) => name === kind)?.folders ?? [];
  }

  /** Names and paths of the files of a kind, as it finds them now. */
  private async askFiles(
    kind: 'checkpoints' | 'loras' | 'embeddings' | 'vae',
  ): Promise<[name: string, file: string][]> {
    const [folders, files] = await Promise.all([
      this.foldersOf(kind),
      this.client.get(`experiment/models/${kind}`, filesSchema),
    ]);
    const listed = new Map<string, string>();
    for (const { name, pathIndex } of files) {
      const folder = folders[pathIndex];
      // Of files of the same name in several folders, loaders find the first.
      if (folder !== undefined && !listed.has(name)) listed.set(name, path.resolve(folder, name));
    }
    return [...listed];
  }

  private async drawWith(
    name: string,
    request: PictureRequest,
    signal?: AbortSignal,
  ): Promise<HostPicture> {
    const id = await this.queue(pictureGraph(name, request), signal);
    const { status, outputs } = await this.waitFor(id, signal);
    try {
      if (!status.completed) throw this.failed(name, status.messages);
      const [image] = outputs[PICTURE_NODE]?.images ?? [];
      if (!image) {
        throw new AppError(
          'host.failed',
          `${this.client.label} says that it drew a picture with "${name}", and has none.`,
        );
      }
      const bytes = await this.client.getBytes(`view?${new URLSearchParams(image).toString()}`, {
        signal,
      });
      return hostPicture(bytes, name, this.client.label);
    } finally {
      await this.forgetPrompt(id);
    }
  }

  private failed(name: string, messages: readonly HistoryMessage[]): AppError {
    const [, problem] = messages.find(([type]) => type === 'execution_error') ?? [];
    return new AppError(
      'host.failed',
      problem
        ? `${this.client.label} could not draw with "${name}": ${shorten(String(problem.exception_message))}`
        : `${this.client.label} was interrupted while it drew a picture with "${name}".`,
    );
  }

  private async queue(prompt: object, signal?: AbortSignal): Promise<string> {
    try {
      return (await this.client.post('prompt', { prompt }, queuedSchema, { signal })).prompt_id;
    } catch (error) {
      throw error instanceof HostRefusal ? this.withNodeErrors(error) : error;
    }
  }

  /** What came of a prompt; one that is given up is taken out of the queue. */
  private async waitFor(id: string, signal?: AbortSignal): Promise<Ended> {
    const { workMs, pollMs } = this.client.timeouts;
    const deadline = performance.now() + workMs;
    do {
      const history = await this.client.get(`history/${id}`, historySchema);
      const ended = history[id];
      if (ended) return ended;
      await sleep(pollMs, undefined, { signal }).catch(() => undefined);
    } while (performance.now() < deadline && !signal?.aborted);
    // Not interrupted: what runs may be another's.
    await this.client.post('queue', { delete: [id] }, z.unknown());
    signal?.throwIfAborted();
    throw new AppError(
      'host.unreachable',
      `${this.client.label} has not drawn a picture for ${workMs / 1000} s. Look whether it still works, restart it if it does not, then try again.`,
    );
  }

  /** Takes a prompt out of the history that the user looks through. */
  private async forgetPrompt(id: string): Promise<void> {
    try {
      await this.client.post('history', { delete: [id] }, z.unknown());
    } catch (error) {
      // The picture is there all the same.
      if (!(error instanceof AppError)) throw error;
    }
  }

  /** Says what of a prompt it did not like, as its answer to the prompt tells. */
  private withNodeErrors(refusal: HostRefusal): AppError {
    const { data } = refusalSchema.safeParse(refusal.body);
    const [first] = Object.values(data?.node_errors ?? {}).flatMap(({ errors }) => errors);
    if (!first) return refusal;
    return new AppError(
      'host.failed',
      `${this.client.label} cannot draw: ${shorten(`${first.message}: ${first.details}`)}`,
      { cause: refusal },
    );
  }
}
