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

  /** How long ComfyUI itself worked at the last prompt, in ms: what it prints, as we leave no history. */
  lastPromptMs(): number {
    const [, seconds] =
      [...this.output.matchAll(/Prompt executed in ([\d.]+) seconds/g)].at(-1) ?? [];
    return 1000 * Number(seconds);
  }

  async get<T>(address: string): Promise<T> {
    const answer = await fetch(new URL(address, this.url));
    if (!answer.ok) throw new Error(`${answer.status} for ${address}: ${await answer.text()}`);
    return (await answer.json()) as T;
  }
}
