import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { isRunning } from '../../src/processes/process-identity.ts';

/** Between two looks at something that is waited for, and timed. */
const POLL_MS = 20;

/** How the bridge says the sidecar is. */
export interface BridgeStatus {
  readonly state: string;
  readonly message: string;
  readonly log: readonly string[];
}

/** A web UI that carries the bridge, in a process of its own. */
export class WebUiProcess {
  readonly process: ChildProcess;
  readonly url: URL;
  private readonly dataFolder: string;
  private printed = '';

  /** @param dataFolder the sidecar's */
  constructor(process: ChildProcess, url: URL, dataFolder: string) {
    this.process = process;
    this.url = url;
    this.dataFolder = dataFolder;
    for (const output of [process.stdout, process.stderr]) {
      output?.setEncoding('utf8').on('data', (text: string) => (this.printed += text));
    }
  }

  /** All that it wrote on its terminal. */
  get output(): string {
    return this.printed;
  }

  /** How often something is on its terminal. */
  count(pattern: RegExp): number {
    return this.printed.match(pattern)?.length ?? 0;
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

  /** Asks for something below the page's address, as a browser or not. */
  fetch(address: string, options: RequestInit = {}): Promise<Response> {
    return fetch(new URL(`erase-concept/${address}`, this.url), { redirect: 'manual', ...options });
  }

  /** Whether the bridge says that the sidecar runs. */
  async hasSidecar(): Promise<boolean> {
    const answer = await this.fetch('bridge/status').catch(() => null);
    if (!answer?.ok) return false;
    const { state, message, log } = (await answer.json()) as BridgeStatus;
    if (state === 'failed') throw new Error([message, ...log].join('\n'));
    return state === 'running';
  }

  /** The process of the sidecar, as its lock names it; null where there is none. */
  sidecarIdOrNull(): number | null {
    try {
      return this.sidecarId();
    } catch {
      return null;
    }
  }

  /** The same; throws where there is none. */
  sidecarId(): number {
    const lock = readFileSync(path.join(this.dataFolder, 'lock'), 'utf8');
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

/** Waits until a process is no more. */
export async function whenEnded(processId: number | null): Promise<void> {
  while (processId !== null && isRunning(processId)) await sleep(POLL_MS);
}
