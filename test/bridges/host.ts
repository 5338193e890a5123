import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

import { onTestFinished } from 'vitest';

import { install } from '../../src/install/installation.ts';
import { recognizeWebUi } from '../../src/install/web-ui.ts';
import { type BridgeStatus, WebUiProcess, whenEnded } from '../helpers/web-ui-process.ts';
import { python } from './python.ts';

const apps = path.join(import.meta.dirname, 'apps');

const tinyModel = path.resolve(import.meta.dirname, '../../presets/tiny-sd');

const layouts = {
  a1111: {
    file: 'webui.py',
    folders: ['modules', 'extensions'],
    models: 'models/Stable-diffusion',
  },
  comfyui: { file: 'main.py', folders: ['comfy', 'custom_nodes'], models: 'models/checkpoints' },
} as const;

export type HostKind = keyof typeof layouts;

interface HostOptions {
  readonly flags?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Where it listens, if the flags say so. */
  readonly address?: string;
}

/** A small web UI that carries the bridge, in a process of its own. */
export class TestHost extends WebUiProcess {
  readonly folder: string;

  private constructor(process: ChildProcess, url: URL, folder: string) {
    super(process, url, path.join(folder, 'data'));
    this.folder = folder;
  }

  /** Installs the bridge into a new folder of a host and starts that; `whenReady` waits for it. */
  static async start(
    kind: HostKind,
    { flags = [], env = {}, address = '127.0.0.1' }: HostOptions = {},
  ) {
    const folder = mkdtempSync(path.join(tmpdir(), 'erase-concept-host-'));
    const { file, folders, models } = layouts[kind];
    writeFileSync(path.join(folder, file), '');
    for (const inner of [...folders, models]) {
      mkdirSync(path.join(folder, inner), { recursive: true });
    }
    for (const part of ['tiny-sd.safetensors', 'tiny-sd.yaml', 'tiny-clip']) {
      cpSync(path.join(tinyModel, part), path.join(folder, models, part), { recursive: true });
    }
    await install(await recognizeWebUi(folder));
    const port = await freePort();
    const args = [path.join(apps, `${kind}_app.py`), '--port', String(port), ...flags];
    const child = spawn(python, args, {
      cwd: folder,
      env: {
        ...process.env,
        ERASE_CONCEPT_DATA: path.join(folder, 'data'),
        GRADIO_ANALYTICS_ENABLED: 'False',
        PYTHONDONTWRITEBYTECODE: '1',
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return new TestHost(child, new URL(`http://${address}:${port}/`), folder);
  }

  /** Waits until it serves its page, as often as it was told to. */
  async whenReady(count = 1): Promise<void> {
    await this.prints(/\bready \d+/, count);
  }

  /** Waits for a line on its terminal. */
  async prints(expected: RegExp, count = 1): Promise<void> {
    const pattern = new RegExp(expected, `g${expected.flags.replace('g', '')}`);
    await this.waitFor(() => this.count(pattern) >= count);
  }

  /** Waits until the bridge says that the sidecar is in a state. */
  async reaches(state: string, headers: Record<string, string> = {}): Promise<BridgeStatus> {
    for (;;) {
      const answer = await this.fetch('bridge/status', { headers });
      if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
      const status = (await answer.json()) as BridgeStatus;
      if (status.state === state) return status;
      if (status.state === 'failed') throw new Error(JSON.stringify(status));
      await sleep(50);
    }
  }

  /** Ends it and removes all that it wrote. */
  async remove(): Promise<void> {
    await this.kill();
    // It ends by itself, and until then writes to a folder that is about to be removed.
    await whenEnded(this.sidecarIdOrNull());
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** A web UI that is ready, and ends with the test. */
export async function startHost(kind: HostKind, options: HostOptions = {}): Promise<TestHost> {
  const host = await TestHost.start(kind, options);
  onTestFinished(() => host.remove());
  await host.whenReady();
  return host;
}

/** What a server answered. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Asks with the headers given and no others, also those that `fetch` does not let one set. */
export async function ask(
  url: URL,
  { method = 'GET', headers = {} }: { method?: string; headers?: Record<string, string> } = {},
): Promise<RawAnswer> {
  const sent = request(url, { method, headers }).end();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  return { status: answer.statusCode ?? 0, headers: answer.headers, body: await text(answer) };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
