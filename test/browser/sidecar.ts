import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const bin = path.resolve(import.meta.dirname, '../../src/bin.mjs');

/** The sidecar as a person starts it, with a data folder of its own; it offers the tiny model. */
export class Sidecar {
  /** Opens the page for whoever has it. */
  readonly startLink: string;
  private readonly folder: string;
  private process: ChildProcess;

  private constructor(folder: string, process: ChildProcess, startLink: string) {
    this.folder = folder;
    this.process = process;
    this.startLink = startLink;
  }

  /**
   * @param knows how fast this machine is, as other sidecars have measured it; without it the first estimate
   *   takes seconds of training
   */
  static async start({ knows = true } = {}): Promise<Sidecar> {
    const folder = mkdtempSync(path.join(tmpdir(), 'erase-concept-page-'));
    if (knows) shareMeasurements(dataFolderIn(folder));
    const child = spawnServer(folder, 0);
    return new Sidecar(folder, child, await linkOf(child));
  }

  /** Where its jobs are. */
  get dataFolder(): string {
    return dataFolderIn(this.folder);
  }

  /** The page without the token. */
  get address(): string {
    return new URL(this.startLink).origin;
  }

  /** Ends the server without a warning, as a crash does. */
  async kill(): Promise<void> {
    this.process.kill('SIGKILL');
    await once(this.process, 'exit');
  }

  /** Starts it anew, where it was. */
  async restart(): Promise<void> {
    this.process = spawnServer(this.folder, Number(new URL(this.startLink).port));
    await linkOf(this.process);
  }

  /** Ends it and removes all that it wrote. */
  async remove(): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      const ended = once(this.process, 'exit');
      // Twice: at once, without saving what trains.
      this.process.kill('SIGTERM');
      this.process.kill('SIGINT');
      const timer = setTimeout(() => this.process.kill('SIGKILL'), 10_000);
      await ended;
      clearTimeout(timer);
    }
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Where sidecars of all tests keep what they measure. */
const measurements = path.resolve('node_modules/.cache/erase-concept-tests/measurements');

function shareMeasurements(dataFolder: string): void {
  const cache = path.join(dataFolder, 'cache');
  for (const folder of [measurements, cache]) mkdirSync(folder, { recursive: true });
  symlinkSync(measurements, path.join(cache, 'measurements'));
}

const dataFolderIn = (folder: string) => path.join(folder, 'data');

function spawnServer(folder: string, port: number): ChildProcess {
  return spawn(
    process.execPath,
    [bin, 'serve', '--port', String(port), '--threads', '1', '--data', dataFolderIn(folder)],
    // Without a graphics driver, whose software one is slower than the processor.
    {
      cwd: folder,
      env: { ...process.env, VK_ICD_FILENAMES: undefined },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
}

/** Waits for the start link, the first line that it prints. */
async function linkOf(child: ChildProcess): Promise<string> {
  let printed = '';
  return new Promise((resolve, reject) => {
    child.once('exit', (status) => {
      reject(new Error(`the sidecar ended with status ${status} and printed: ${printed}`));
    });
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
      const link = /http:\/\/\S+token=\S+(?=\s)/.exec(printed)?.[0];
      if (link !== undefined) resolve(link);
    });
  });
}
