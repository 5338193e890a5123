import { spawn } from 'node:child_process';
import path from 'node:path';

import { softwareDrivers } from '../helpers/software-vulkan.ts';
import { WebUiProcess } from '../helpers/web-ui-process.ts';

interface ServerOptions {
  /** SD.Next's. */
  readonly folder: string;
  readonly python: string;
  readonly port: number;
  /** The sidecar's. */
  readonly dataFolder: string;
  /** Of settings that are made for this start. */
  readonly settingsFolder: string;
  readonly flags: readonly string[];
}

/** A request of the sidecar's, as its log notes it. */
interface ApiCall {
  readonly route: string;
  readonly ms: number;
}

/** What SD.Next says it has loaded. */
interface Loaded {
  readonly title?: string;
}

/** An SD.Next as people start it, without what it would download or ask git for. */
export class SdNextServer extends WebUiProcess {
  private readonly headers: Readonly<Record<string, string>>;

  constructor(options: ServerOptions) {
    const { folder, python, port, dataFolder, settingsFolder, flags } = options;
    const settings = ['config', 'ui-config', 'secrets'].flatMap((name) => [
      `--${name}`,
      path.join(settingsFolder, `${name}.json`),
    ]);
    const own = ['--skip-all', '--experimental', '--log', path.join(settingsFolder, 'log')];
    const child = spawn(
      python,
      ['launch.py', ...own, ...settings, '--port', String(port), ...flags],
      {
        cwd: folder,
        env: {
          ...process.env,
          ...softwareDrivers(process.env)[0]?.environment,
          // Its log breaks lines where a terminal ends.
          COLUMNS: '1000',
          ERASE_CONCEPT_DATA: dataFolder,
          HF_HUB_OFFLINE: '1',
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    super(child, new URL(`http://127.0.0.1:${port}/`), dataFolder);
    const user = flags[flags.indexOf('--auth') + 1] ?? '';
    const basic = `Basic ${Buffer.from(user).toString('base64')}`;
    this.headers = flags.includes('--auth') ? { Authorization: basic } : {};
  }

  /** What the sidecar asked for, in order. */
  get calls(): ApiCall[] {
    const lines = this.output.matchAll(/ API .*\/sdapi\/v1\/([^?\s]+)\S* \S+ ([\d.]+)\s*$/gm);
    return [...lines].map(([, route = '', seconds]) => ({ route, ms: Number(seconds) * 1000 }));
  }

  /** The title of the model that it has loaded. */
  async loaded(): Promise<string | undefined> {
    return (await this.api<Loaded>('checkpoint')).title;
  }

  /** Draws as any program may. @returns the model that the picture's text names */
  async drawnWith(): Promise<string | undefined> {
    const body = { prompt: `a red heart, ${performance.now()}`, steps: 2, width: 64, height: 64 };
    const { info } = await this.api<{ info: string }>('txt2img', { ...body, save_images: false });
    return /Model: ([^,"]+)/.exec(info)?.[1];
  }

  /** What its user chooses. */
  async choose(model: string): Promise<void> {
    await this.api('options', { sd_model_checkpoint: model });
  }

  private async api<T>(route: string, body?: object): Promise<T> {
    const answer = await fetch(new URL(`sdapi/v1/${route}`, this.url), {
      headers: { ...this.headers, 'Content-Type': 'application/json' },
      ...(body && { method: 'POST', body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${route}: ${text}`);
    return JSON.parse(text) as T;
  }
}
