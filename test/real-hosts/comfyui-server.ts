import { spawn } from 'node:child_process';

import { WebUiProcess } from '../helpers/web-ui-process.ts';

interface ServerOptions {
  /** ComfyUI's. */
  readonly folder: string;
  readonly python: string;
  readonly port: number;
  readonly dataFolder: string;
  readonly flags: readonly string[];
}

interface History {
  readonly status: { readonly messages: readonly [string, { readonly timestamp: number }][] };
}

/** A ComfyUI as people start it, on the processor. */
export class ComfyUiServer extends WebUiProcess {
  constructor({ folder, python, port, dataFolder, flags }: ServerOptions) {
    const listen = ['--listen', '127.0.0.1', '--port', String(port)];
    const child = spawn(python, ['main.py', '--cpu', ...listen, ...flags], {
      cwd: folder,
      env: { ...process.env, ERASE_CONCEPT_DATA: dataFolder },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    super(child, new URL(`http://127.0.0.1:${port}/`), dataFolder);
  }

  async answers(): Promise<boolean> {
    return (await fetch(new URL('system_stats', this.url)).catch(() => null))?.ok ?? false;
  }

  async lists(model: string): Promise<boolean> {
    return (await this.get<string[]>('models/checkpoints')).includes(model);
  }

  /** How long ComfyUI itself worked at the last prompt, in ms. */
  async lastPromptMs(): Promise<number> {
    const histories = Object.values(await this.get<Record<string, History>>('history'));
    const spans = histories.map(({ status: { messages } }) => {
      const at = (type: string) => messages.find(([name]) => name === type)?.[1].timestamp ?? NaN;
      return { start: at('execution_start'), end: at('execution_success') };
    });
    const last = spans.sort((a, b) => a.start - b.start).at(-1);
    return last ? last.end - last.start : NaN;
  }

  async get<T>(address: string): Promise<T> {
    const answer = await fetch(new URL(address, this.url));
    if (!answer.ok) throw new Error(`${answer.status} for ${address}: ${await answer.text()}`);
    return (await answer.json()) as T;
  }
}
