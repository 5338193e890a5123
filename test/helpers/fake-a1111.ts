import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { Mutex } from 'async-mutex';
import { type Answer, type Asked, HostServer } from './host-server.ts';
import { isLoadable, sha256Of } from './model-files.ts';
import { paintPicture } from './paint-picture.ts';

interface FakeOptions {
  /** Who it is. */
  readonly variant?: 'a1111' | 'forge' | 'forge-neo' | 'sdnext';
  /** Whether it was started with --api. */
  readonly hasApi?: boolean;
  /** `user:password` of --api-auth. */
  readonly credentials?: string;
  /** How long it loads a model. */
  readonly loadMs?: number;
  /** How long it draws a picture. */
  readonly drawMs?: number;
  /** What its user has chosen for pictures. */
  readonly format?: 'png' | 'jpeg' | 'webp';
  /** Whether its user wants a grid of all pictures before them. */
  readonly hasGrid?: boolean;
}

interface Entry {
  readonly name: string;
  readonly file: string;
  /** Known once the file was loaded. */
  sha256: string | null;
}

const ok = (body: unknown = null): Answer => ({ body });
const failed = (errors: string): Answer => ({
  status: 500,
  body: { error: 'RuntimeError', detail: '', body: '', errors },
});

/** AUTOMATIC1111's web UI as far as its models go, with what is recorded of its ways to fail. */
export class FakeA1111 {
  readonly server: HostServer;
  /** The folder that it runs in. */
  readonly runsIn: string;
  /** Its folder of LoRAs: beside the one of models unless a flag says otherwise. */
  loraFolder: string;
  readonly embeddingFolder: string;
  /** Whether the model is where pictures are drawn. */
  isInGraphicsMemory = true;
  /** A list that does not heed new files. */
  isStale = false;
  /** Files that it cannot load, though they are whole: too large, say. */
  readonly unloadable = new Set<string>();
  /** What the page of Forge Neo shows as its model when it is opened. */
  shownInPage: string | null = null;
  /** Its numbers overflow, of which it says nothing. */
  drawsBlack = false;
  /** Its user presses Interrupt during each picture. */
  isInterrupted = false;
  /** Prompts of its pictures. */
  readonly prompts: string[] = [];
  /** Its LoRAs, by their names without the ending. */
  loras: string[] = [];
  /** Its VAEs by their names, and which of them its user draws with. */
  vaes: Readonly<Record<string, string>> = {};
  vae = 'Automatic';
  /** What its user has set; null for SD.Next, which has no such option. */
  clipSkip: number | null = null;
  /** Told of each prompt. */
  onDraw: (prompt: string) => void = () => undefined;
  /** Bodies of requests for pictures. */
  readonly asked: Asked['body'][] = [];
  /** Models in the order in which they were loaded. */
  readonly loads: string[] = [];
  private readonly folder: string;
  private readonly options: Required<Omit<FakeOptions, 'credentials'>> &
    Pick<FakeOptions, 'credentials'>;
  private entries: Entry[] = [];
  private wanted: Entry | null = null;
  private loaded: Entry | null = null;
  /** A load that failed took the model before apart. */
  private isBroken = false;
  private job = '';
  private readonly queue = new Mutex();

  constructor(folder: string, options: FakeOptions = {}) {
    this.folder = folder;
    this.runsIn = path.dirname(folder);
    this.loraFolder = path.join(this.runsIn, 'Lora');
    this.embeddingFolder = path.join(this.runsIn, 'embeddings');
    this.options = {
      ...{ variant: 'a1111', hasApi: true, loadMs: 0 },
      ...{ drawMs: 0, format: 'png', hasGrid: false },
      ...options,
    };
    this.server = new HostServer((asked) => this.answer(asked));
  }

  /** Starts it with one of its models. */
  async start(model: string): Promise<this> {
    this.look();
    this.wanted = this.entries.find(({ name }) => name === model) ?? null;
    if (this.wanted) await this.load(this.wanted);
    await this.server.up();
    return this;
  }

  /** Name of the model that a picture would be drawn with; null where none would be. */
  get drawsWith(): string | null {
    return this.isBroken ? null : (this.loaded?.name ?? null);
  }

  /** Somebody draws with it until something has ended. */
  draw(end: Promise<unknown>): Promise<void> {
    return this.queue.runExclusive(async () => {
      this.job = 'scripts_txt2img';
      await end;
      this.job = '';
    });
  }

  private readonly routes: Record<string, (body: Asked['body']) => Answer | Promise<Answer>> = {
    'GET sd-models': () => ok(this.entries.map((entry) => this.view(entry))),
    'GET options': () =>
      ok({
        sd_model_checkpoint: this.wanted ? this.titleOf(this.wanted) : this.unchosen(),
        sd_checkpoint_hash: this.loaded?.sha256 ?? '',
        sd_vae: this.vae,
        ...(this.clipSkip !== null && { CLIP_stop_at_last_layers: this.clipSkip }),
        ...(this.isForge && { forge_additional_modules: [], forge_preset: 'sd' }),
        ...(this.options.variant === 'forge-neo' && { forge_checkpoint_sd: this.shownInPage }),
        ...(this.options.variant === 'sdnext' && {
          lora_dir: this.shown(this.loraFolder),
          embeddings_dir: this.shown(this.embeddingFolder),
        }),
      }),
    'POST options': (body) =>
      this.queue.runExclusive(() => {
        this.shownInPage = (body.forge_checkpoint_sd as string | undefined) ?? this.shownInPage;
        return this.setModel(body.sd_model_checkpoint);
      }),
    'POST refresh-checkpoints': () =>
      this.queue.runExclusive(() => {
        if (!this.isStale) this.look();
        return Promise.resolve(this.empty());
      }),
    'GET progress': () =>
      ok({ progress: 0, state: { job: this.job, interrupted: this.isInterrupted } }),
    'GET cmd-flags': () => {
      const flags = { lora_dir: this.loraFolder, embeddings_dir: this.embeddingFolder };
      if (this.options.variant === 'a1111') return ok(flags);
      const error = 'ResponseValidationError';
      return {
        status: 500,
        body: this.options.variant === 'forge-neo' ? { error, body: flags } : {},
      };
    },
    'POST refresh-loras': () => {
      const files = existsSync(this.loraFolder) ? readdirSync(this.loraFolder) : [];
      this.loras = this.isStale ? [] : files.map((name) => path.parse(name).name);
      return ok();
    },
    'GET loras': () =>
      ok(
        this.loras.map((name) => ({
          ...{ name, alias: name, metadata: {} },
          path: this.shown(path.join(this.loraFolder, `${name}.safetensors`)),
        })),
      ),
    'GET sd-vae': () => (this.options.variant === 'forge' ? { status: 404 } : ok(this.vaeList)),
    'GET sd-modules': () => (this.options.variant === 'forge' ? ok(this.vaeList) : { status: 404 }),
    'POST unload-checkpoint': () => {
      this.isInGraphicsMemory = false;
      return this.empty();
    },
    'POST reload-checkpoint': () => {
      // Forge Neo takes the model back when it draws.
      if (this.options.variant === 'forge-neo') return { status: 404 };
      this.isInGraphicsMemory = true;
      return this.empty();
    },
    'POST txt2img': (body) =>
      this.queue.runExclusive(async () => {
        this.job = 'scripts_txt2img';
        this.asked.push(body);
        try {
          return await this.txt2img(body);
        } finally {
          this.job = '';
        }
      }),
    'GET checkpoint': () =>
      this.options.variant === 'sdnext'
        ? ok({ type: 'sd', ...(this.loaded && { title: this.titleOf(this.loaded) }) })
        : { status: 404 },
  };

  private get vaeList(): unknown {
    return Object.entries(this.vaes).map(([model_name, filename]) => ({ model_name, filename }));
  }

  private get isForge(): boolean {
    return this.options.variant === 'forge' || this.options.variant === 'forge-neo';
  }

  /** What the option says before the first choice. */
  private unchosen(): string | null {
    return this.options.variant === 'sdnext' ? 'model.safetensors' : null;
  }

  private empty(): Answer {
    return this.options.variant === 'sdnext' ? { status: 204 } : ok();
  }

  private look(): void {
    const before = new Map(this.entries.map((entry) => [entry.file, entry]));
    const names = readdirSync(this.folder).filter((name) => this.isModel(name));
    this.entries = names.map((name) => {
      const file = path.join(this.folder, name);
      return before.get(file) ?? { name, file, sha256: null };
    });
  }

  /** SD.Next has diffusers folders too. */
  private isModel(name: string): boolean {
    if (name.endsWith('.safetensors')) return true;
    const index = path.join(this.folder, name, 'model_index.json');
    return this.options.variant === 'sdnext' && existsSync(index);
  }

  private async answer(asked: Asked): Promise<Answer> {
    const route = asked.path.split('?')[0] ?? '';
    if (route === '/internal/ping') return ok({});
    if (!route.startsWith('/sdapi/v1/') || !this.options.hasApi) {
      return { status: 404, body: { detail: 'Not Found' } };
    }
    const { credentials } = this.options;
    const basic = `Basic ${Buffer.from(credentials ?? '').toString('base64')}`;
    if (credentials !== undefined && asked.authorization !== basic) {
      return { status: 401, body: { detail: 'Incorrect username or password' } };
    }
    const answer = this.routes[`${asked.method} ${route.slice('/sdapi/v1/'.length)}`];
    return answer ? await answer(asked.body) : { status: 404, body: { detail: 'Not Found' } };
  }

  private async setModel(value: unknown): Promise<Answer> {
    const entry = this.entries.find((known) => this.aliasesOf(known).includes(String(value)));
    if (!entry) return failed(`model '${String(value)}' not found`);
    // To ask for the model that it believes to have does nothing.
    if (entry === this.wanted) return ok();
    if (this.isForge) {
      this.wanted = entry;
      return ok();
    }
    // An error is printed to its console, the old value restored.
    if (await this.load(entry)) this.wanted = entry;
    return this.options.variant === 'sdnext'
      ? ok({ updated: [{ sd_model_checkpoint: true }] })
      : ok();
  }

  private async txt2img(body: Asked['body']): Promise<Answer> {
    this.prompts.push(String(body.prompt));
    this.onDraw(String(body.prompt));
    const active = this.wanted;
    // A name that is not known is passed over.
    const model = this.overrideOf(body) ?? active;
    if (model && model !== this.loaded && !(await this.load(model))) {
      return failed('Failed to recognize model type!');
    }
    if (this.isBroken || !this.loaded || !this.takesModelBack()) {
      return failed('Torch not compiled with CUDA enabled');
    }
    await sleep(this.options.drawMs);
    const answer = await this.paint(body, this.loaded);
    const { variant } = this.options;
    if (body.override_settings_restore_afterwards === false) this.wanted = model;
    else if (variant === 'sdnext' && active && active !== this.loaded) await this.load(active);
    return answer;
  }

  /** Whether the model is where pictures are drawn, or gets there by itself. */
  private takesModelBack(): boolean {
    this.isInGraphicsMemory ||= this.options.variant === 'forge-neo';
    return this.isInGraphicsMemory;
  }

  private overrideOf({ override_settings: override }: Asked['body']): Entry | undefined {
    const { sd_model_checkpoint: name } = (override ?? {}) as { sd_model_checkpoint?: string };
    if (name === undefined) return undefined;
    return this.entries.find((known) => this.aliasesOf(known).includes(name));
  }

  private async paint(body: Asked['body'], { sha256, file }: Entry): Promise<Answer> {
    const { hasGrid, variant, format } = this.options;
    const grid = { prompt: 'a grid', seed: 0, size: 64 };
    const wanted = {
      ...{ prompt: String(body.prompt), seed: Number(body.seed), size: Number(body.width) },
      ...{ format, isBlack: this.drawsBlack },
    };
    const images = await Promise.all((hasGrid ? [grid, wanted] : [wanted]).map(paintPicture));
    const info = {
      seed: body.seed,
      index_of_first_image: hasGrid ? 1 : 0,
      sd_model_hash: sha256?.slice(0, 10),
      ...(variant !== 'sdnext' && { sd_model_name: path.parse(file).name }),
    };
    return ok({
      images: images.map((image) => image.toString('base64')),
      parameters: {},
      info: JSON.stringify(info),
    });
  }

  private async load(entry: Entry): Promise<boolean> {
    await sleep(this.options.loadMs);
    if (!isLoadable(entry.file) || this.unloadable.has(entry.name)) {
      this.isBroken = true;
      return false;
    }
    // Of folders it knows no hash.
    entry.sha256 = statSync(entry.file).isFile() ? sha256Of(entry.file) : null;
    this.loads.push(entry.name);
    this.loaded = entry;
    this.isBroken = false;
    return true;
  }

  private nameOf({ name }: Entry): string {
    if (this.options.variant !== 'sdnext') return name;
    return name.endsWith('.safetensors') ? path.parse(name).name : `Diffusers/${name}`;
  }

  private titleOf(entry: Entry): string {
    const hash = entry.sha256 === null ? '' : ` [${entry.sha256.slice(0, 10)}]`;
    return `${this.nameOf(entry)}${hash}`;
  }

  private pathOf({ file }: Entry): string {
    return this.shown(file);
  }

  /** SD.Next's own folders are below the one that it runs in. */
  private shown(file: string): string {
    return this.options.variant === 'sdnext' ? path.relative(this.runsIn, file) : file;
  }

  private aliasesOf(entry: Entry): (string | null)[] {
    const { sha256 } = entry;
    const names = [this.titleOf(entry), this.nameOf(entry), path.parse(entry.name).name];
    return [...names, sha256, sha256?.slice(0, 10) ?? null];
  }

  private view(entry: Entry): object {
    return {
      title: this.titleOf(entry),
      model_name: path.parse(entry.name).name,
      hash: entry.sha256?.slice(0, 10) ?? null,
      sha256: entry.sha256,
      filename: this.pathOf(entry),
      config: null,
    };
  }
}
