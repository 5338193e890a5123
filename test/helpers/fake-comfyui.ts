import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { Turns } from '../../src/hosts/turns.ts';
import { type Answer, type Asked, HostServer } from './host-server.ts';
import { isLoadable } from './model-files.ts';

interface Ended {
  readonly outputs: object;
  readonly status: object;
}

/** ComfyUI as far as its checkpoints go. */
export class FakeComfyUi {
  readonly server: HostServer;
  /** Checkpoints that pictures were drawn with. */
  readonly drawnWith: string[] = [];
  private readonly folders: readonly string[];
  private readonly waiting = new Set<string>();
  private readonly history = new Map<string, Ended>();
  private readonly queue = new Turns();

  /** @param folders of checkpoints, as extra_model_paths.yaml may name several */
  constructor(folders: readonly string[]) {
    this.folders = folders;
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

  private answer({ method, path: asked, body }: Asked): Answer {
    const [, id] = /^\/history\/(.+)/.exec(asked) ?? [];
    if (id !== undefined) {
      const ended = this.history.get(id);
      return { body: ended ? { [id]: ended } : {} };
    }
    switch (`${method} ${asked}`) {
      case 'GET /system_stats':
        return { body: { system: { comfyui_version: '0.3.64' }, devices: [] } };
      case 'GET /experiment/models':
        return {
          body: [
            { name: 'loras', folders: [] },
            { name: 'checkpoints', folders: this.folders },
          ],
        };
      case 'GET /experiment/models/checkpoints':
        return { body: this.list() };
      case 'GET /queue': {
        const [running, ...pending] = this.waiting;
        return { body: { queue_running: running ? [running] : [], queue_pending: pending } };
      }
      case 'POST /free':
      case 'POST /queue':
        return {};
      case 'POST /prompt':
        return this.takePrompt(body.prompt as Record<string, { inputs: Record<string, unknown> }>);
    }
    return { status: 404 };
  }

  private list() {
    return this.folders.flatMap((folder, pathIndex) =>
      readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.safetensors'))
        .map((name) => ({ name, pathIndex, size: 0, modified: 0, created: 0 })),
    );
  }

  private takePrompt(prompt: Record<string, { inputs: Record<string, unknown> }>): Answer {
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
    const id = this.enqueue(() => Promise.resolve(this.run(name, file)));
    return { body: { prompt_id: id, number: 0, node_errors: {} } };
  }

  private enqueue(work: () => Promise<Ended>): string {
    const id = randomUUID();
    this.waiting.add(id);
    void this.queue.take(async () => {
      this.history.set(id, await work());
      this.waiting.delete(id);
    });
    return id;
  }

  private run(name: string, file: string): Ended {
    if (!isLoadable(file)) {
      const problem = { exception_message: 'Could not detect model type of it\n\n' };
      const messages = [
        ['execution_start', {}],
        ['execution_error', problem],
      ];
      return { outputs: {}, status: { status_str: 'error', completed: false, messages } };
    }
    this.drawnWith.push(name);
    return this.succeed();
  }

  private succeed(): Ended {
    const messages = [['execution_success', {}]];
    return { outputs: {}, status: { status_str: 'success', completed: true, messages } };
  }
}
