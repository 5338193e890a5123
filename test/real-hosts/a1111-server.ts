import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { softwareVulkan } from '../helpers/software-vulkan.ts';

/** Between two looks at something that is timed. */
const POLL_MS = 20;

interface ServerOptions {
  /** AUTOMATIC1111's. */
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

/** A request of the sidecar's, as --api-log notes it. */
interface ApiCall {
  readonly route: string;
  readonly ms: number;
}

const onProcessor = ['--use-cpu', 'all', '--no-half', '--precision', 'full'];

/** An AUTOMATIC1111 as people start it, on the processor, without what it would download. */
export class A1111Server {
  readonly url: URL;
  private readonly options: ServerOptions;
  private process: ChildProcess;
  private printed = '';

  constructor(options: ServerOptions) {
    this.options = options;
    this.url = new URL(`http://127.0.0.1:${options.port}/`);
    this.process = this.spawn();
  }

  private spawn(): ChildProcess {
    const { folder, python, port, dataFolder, flags } = this.options;
    const own = ['--skip-torch-cuda-test', '--no-download-sd-model', '--api-log'];
    const child = spawn(
      python,
      ['launch.py', ...own, ...onProcessor, '--port', String(port), ...flags],
      {
        cwd: folder,
        env: {
          ...process.env,
          ...softwareVulkan(process.env),
          ERASE_CONCEPT_DATA: dataFolder,
          HF_HUB_OFFLINE: '1',
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    for (const output of [child.stdout, child.stderr]) {
      output.setEncoding('utf8').on('data', (text: string) => (this.printed += text));
    }
    return child;
  }

  /** All that it wrote on its terminal. */
  get output(): string {
    return this.printed;
  }

  /** Asks until something is so. @returns after how many ms it was */
  async waitFor(what: () => Promise<boolean> | boolean): Promise<number> {
    const start = performance.now();
    while (!(await what())) {
      if (this.process.exitCode !== null) throw new Error(`the web UI ended:\n${this.printed}`);
      await sleep(POLL_MS);
    }
    return performance.now() - start;
  }

  /** How often something is on its terminal. */
  count(pattern: RegExp): number {
    return this.printed.match(pattern)?.length ?? 0;
  }

  /** Whether the bridge says that the sidecar runs. */
  async hasSidecar(): Promise<boolean> {
    const address = new URL('erase-concept/bridge/status', this.url);
    const answer = await fetch(address).catch(() => null);
    if (!answer?.ok) return false;
    const { state, message, log } = (await answer.json()) as Status;
    if (state === 'failed') throw new Error([message, ...log].join('\n'));
    return state === 'running';
  }

  /** What the sidecar asked for, in order. */
  get calls(): ApiCall[] {
    const lines = this.printed.matchAll(/^API .*\/sdapi\/v1\/(\S+) \S+ ([\d.]+)$/gm);
    return [...lines].map(([, route = '', seconds]) => ({ route, ms: Number(seconds) * 1000 }));
  }

  /** The process of the sidecar, as its lock names it. */
  sidecarId(): number {
    const lock = readFileSync(path.join(this.options.dataFolder, 'lock'), 'utf8');
    return (JSON.parse(lock) as { processId: number }).processId;
  }

  /** Kills it as a crash does. */
  async kill(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const ended = once(this.process, 'exit');
    this.process.kill('SIGKILL');
    await ended;
  }
}
