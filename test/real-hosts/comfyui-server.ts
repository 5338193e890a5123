import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Between two looks at something that is timed. */
const POLL_MS = 20;

export interface ServerOptions {
  /** ComfyUI's. */
  readonly folder: string;
  readonly python: string;
  readonly port: number;
  readonly dataFolder: string;
  readonly flags: readonly string[];
}

interface Status {
  readonly state: string;
  readonly message: string;
  readonly log: readonly string[];
}

interface History {
  readonly status: { readonly messages: readonly [string, { readonly timestamp: number }][] };
}

/** A ComfyUI as people start it, on the processor. */
export class ComfyUiServer {
  readonly url: URL;
  private readonly options: ServerOptions;
  private readonly process: ChildProcess;
  private printed = '';

  constructor(options: ServerOptions) {
    const { folder, python, port, dataFolder, flags } = options;
    const listen = ['--listen', '127.0.0.1', '--port', String(port)];
    this.options = options;
    this.url = new URL(`http://127.0.0.1:${port}/`);
    this.process = spawn(python, ['main.py', '--cpu', ...listen, ...flags], {
      cwd: folder,
      env: { ...process.env, ERASE_CONCEPT_DATA: dataFolder },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const output of [this.process.stdout, this.process.stderr]) {
      output?.setEncoding('utf8').on('data', (text: string) => (this.printed += text));
    }
  }

  /** Asks until something is so. @returns after how many ms it was */
  async waitFor(what: () => Promise<boolean> | boolean): Promise<number> {
    const start = performance.now();
    while (!(await what())) {
      if (this.process.exitCode !== null) throw new Error(`ComfyUI ended:\n${this.printed}`);
      await sleep(POLL_MS);
    }
    return performance.now() - start;
  }

  async answers(): Promise<boolean> {
    return (await fetch(new URL('system_stats', this.url)).catch(() => null))?.ok ?? false;
  }

  /** Whether the bridge says that the sidecar runs. */
  async hasSidecar(): Promise<boolean> {
    const { state, message, log } = await this.get<Status>('erase-concept/bridge/status');
    if (state === 'failed') throw new Error([message, ...log].join('\n'));
    return state === 'running';
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

  /** The process of the sidecar, as its lock names it. */
  sidecarId(): number {
    const lock = readFileSync(path.join(this.options.dataFolder, 'lock'), 'utf8');
    return (JSON.parse(lock) as { processId: number }).processId;
  }

  /** Ends it as a crash does. */
  async kill(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const ended = once(this.process, 'exit');
    this.process.kill('SIGKILL');
    await ended;
  }
}
