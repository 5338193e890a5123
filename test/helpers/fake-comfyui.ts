import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { Mutex } from 'async-mutex';
import { type Answer, type Asked, HostServer } from './host-server.ts';
import { isLoadable } from './model-files.ts';
import { paintPicture } from './paint-picture.ts';

interface Ended {
  readonly outputs: object;
  readonly status: object;
}

export type Graph = Readonly<
  Record<
    string,
    { readonly class_type?: string; readonly inputs: Readonly<Record<string, unknown>> }
  >
>;

/** ComfyUI as far as its checkpoints go. */
export class FakeComfyUi {
  readonly server: HostServer;
  /** Checkpoints that pictures were drawn with. */
  readonly drawnWith: string[] = [];
  /** Its user interrupts each prompt. */
  isInterrupted = false;
  /** How long it draws a picture. */
  drawMs = 0;
  private readonly folders: readonly string[];
  private readonly loraFolders: readonly string[];
  /** Folders of its VAEs. */
  vaeFolders: readonly string[] = [];
  /** Folders of its embeddings. */
  embeddingFolders: readonly string[] = [];
  /** Workflows that its user ran, the oldest first. */
  ran: readonly Graph[] = [];
  /** Graphs that it was given. */
  readonly graphs: Graph[] = [];
  private readonly waiting = new Set<string>();
  /** What has ended, by the prompt: its user looks through it. */
  readonly history = new Map<string, Ended>();
  /** Of the temporary folder. */
  private readonly files = new Map<string, Buffer>();
  private readonly queue = new Mutex();

  /** @param folders of checkpoints, as extra_model_paths.yaml may name several, and of LoRAs */
  constructor(folders: readonly string[], loraFolders: readonly string[] = []) {
    this.folders = folders;
    this.loraFolders = loraFolders;
    this.server = new HostServer((asked) => Promise.resolve(this.answer(asked)));
  }

  async start(): Promise<this> {
    await this.server.up();
    return this;
  }

  /** Somebody draws with it. */
  draw(ms: number): void {
    this.enqueue(() => sleep(ms).then(() => this.succeed()));
  }

  private readonly routes: Record<string, (body: Asked['body'], asked: URL) => Answer> = {
    'GET /system_stats': () => ({
      body: { system: { comfyui_version: '0.3.64' }, devices: [] },
    }),
    'GET /experiment/models': () => ({
      body: [
        { name: 'loras', folders: this.loraFolders },
        { name: 'vae', folders: this.vaeFolders },
        { name: 'embeddings', folders: this.embeddingFolders },
        { name: 'checkpoints', folders: this.folders },
      ],
    }),
    'GET /experiment/models/checkpoints': () => ({ body: this.list(this.folders) }),
    'GET /experiment/models/loras': () => ({ body: this.list(this.loraFolders) }),
    'GET /experiment/models/embeddings': () => ({ body: this.list(this.embeddingFolders) }),
    'GET /experiment/models/vae': () => ({ body: this.list(this.vaeFolders) }),
    'GET /queue': () => {
      const [running, ...pending] = this.waiting;
      return { body: { queue_running: running ? [running] : [], queue_pending: pending } };
    },
    'GET /history': () => ({
      body: Object.fromEntries(
        this.ran.map((graph, i) => [`ran-${i}`, { prompt: [i, `ran-${i}`, graph, {}, ['9']] }]),
      ),
    }),
    'GET /view': (_, { searchParams }) => {
      const file = this.files.get(searchParams.get('filename') ?? '');
      return file && searchParams.get('type') === 'temp' ? { file } : { status: 404 };
    },
    'POST /free': () => ({}),
    'POST /queue': (body) => {
      for (const id of body.delete as string[]) this.waiting.delete(id);
      return {};
    },
    'POST /history': (body) => {
      for (const id of body.delete as string[]) this.history.delete(id);
      return {};
    },
    'POST /prompt': (body) => this.takePrompt(body.prompt as Graph),
  };

  private answer({ method, path: asked, body }: Asked): Answer {
    const url = new URL(asked, this.server.url);
    const [, id] = /^\/history\/(.+)/.exec(url.pathname) ?? [];
    if (id !== undefined) {
      const ended = this.history.get(id);
      return { body: ended ? { [id]: ended } : {} };
    }
    return this.routes[`${method} ${url.pathname}`]?.(body, url) ?? { status: 404 };
  }

  private list(folders: readonly string[]) {
    return folders.flatMap((folder, pathIndex) =>
      readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.safetensors'))
        .map((name) => ({ name, pathIndex, size: 0, modified: 0, created: 0 })),
    );
  }

  private takePrompt(prompt: Graph): Answer {
    const name = String(prompt['1']?.inputs.ckpt_name);
    const file = this.folders.map((folder) => path.join(folder, name)).find(existsSync);
    if (file === undefined) {
      const details = `ckpt_name: '${name}' not in []`;
      const errors = [{ type: 'value_not_in_list', message: 'Value not in list', details }];
      return {
        status: 400,
        body: {
          error: { type: 'prompt_outputs_failed_validation', message: 'Prompt outputs failed' },
          node_errors: { '1': { errors, dependent_outputs: ['7'] } },
        },
      };
    }
    this.graphs.push(prompt);
    const id = this.enqueue(() => this.run(name, file, prompt));
    return { body: { prompt_id: id, number: 0, node_errors: {} } };
  }

  private enqueue(work: () => Promise<Ended>): string {
    const id = randomUUID();
    this.waiting.add(id);
    void this.queue.runExclusive(async () => {
      if (!this.waiting.has(id)) return;
      this.history.set(id, await work());
      this.waiting.delete(id);
    });
    return id;
  }

  private async run(name: string, file: string, graph: Graph): Promise<Ended> {
    if (!isLoadable(file)) {
      const problem = { exception_message: 'Could not detect model type of it\n\n' };
      return this.fail('execution_error', problem);
    }
    await sleep(this.drawMs);
    if (this.isInterrupted) return this.fail('execution_interrupted', {});
    this.drawnWith.push(name);
    const filename = `ComfyUI_temp_${String(this.files.size + 1).padStart(5, '0')}_.png`;
    const picture = await paintPicture({
      prompt: String(graph['2']?.inputs.text),
      seed: Number(graph['5']?.inputs.seed),
      size: Number(graph['4']?.inputs.width),
    });
    this.files.set(filename, picture);
    return this.succeed({ '7': { images: [{ filename, subfolder: '', type: 'temp' }] } });
  }

  private fail(event: string, problem: object): Ended {
    const messages = [
      ['execution_start', {}],
      [event, problem],
    ];
    return { outputs: {}, status: { status_str: 'error', completed: false, messages } };
  }

  private succeed(outputs: object = {}): Ended {
    const messages = [['execution_success', {}]];
    return { outputs, status: { status_str: 'success', completed: true, messages } };
  }
}
