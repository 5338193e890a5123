import { createHash } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { Mutex } from 'async-mutex';

import { copyFlushed, publishFile, temporaryPathOf } from '../checkpoint/atomic-file.ts';
import { asOutputErrors } from '../checkpoint/output-place.ts';
import { pathExists } from '../checkpoint/output-path.ts';
import { AppError } from '../errors.ts';
import { becomesIdle } from './becomes-idle.ts';
import type { GraphicsMemory } from './graphics-memory.ts';
import type { Host, HostFile } from './host.ts';
import type { HostJournal } from './host-journal.ts';
import type { HostTimeouts } from './host-timeouts.ts';
import { trialPicture } from './trial-picture.ts';

interface LoraTools {
  readonly host: Host;
  readonly journal: HostJournal;
  readonly memory: GraphicsMemory;
  readonly timeouts: HostTimeouts;
}

/**
 * Puts LoRA files where a host looks for them, and takes them out again. Where each lies stands in the
 * journal before it is there, so that a sidecar that is killed is followed by one that knows.
 */
export class HostLoras {
  private readonly tools: LoraTools;
  /** One change of the folder after the other. */
  private readonly mutex = new Mutex();

  constructor(tools: LoraTools) {
    this.tools = tools;
  }

  /** Where a LoRA file lies in the host's folder; null where it does not. */
  async placeOf(file: string): Promise<string | null> {
    const place = (await this.tools.journal.read()).loras[file];
    return place !== undefined && (await pathExists(place)) ? place : null;
  }

  /**
   * Puts a copy of a LoRA file into the host's folder, has the host look again and draw a picture with it;
   * whatever fails, it is taken out.
   *
   * @throws AppError `host.*`, `output.*`
   */
  use(file: string): Promise<void> {
    return this.mutex.runExclusive(async () => {
      const place = await this.placeFor(file);
      // Training has less of it then.
      await this.tools.memory.reclaim();
      await this.requireIdle();
      await this.tools.journal.update(({ loras }) => ({ loras: { ...loras, [file]: place } }));
      const isThere = await pathExists(place);
      if (!isThere) await copyWhole(file, place);
      try {
        const { name } = await this.listed(place);
        await this.tools.host.draw({ ...trialPicture(), lora: { name, strength: 1 } });
      } catch (error) {
        if (!isThere) await this.remove(file, place);
        throw error;
      }
    });
  }

  /**
   * Takes a LoRA file out; a host that does not answer finds that by itself.
   *
   * @param keptAt where the file itself goes, if it is no copy of it that lies there
   */
  takeOut(file: string, keptAt: string): Promise<void> {
    return this.mutex.runExclusive(async () => {
      const place = await this.placeOf(file);
      if (place === null) return;
      if (place === file) await copyWhole(file, keptAt);
      await this.remove(file, place);
    });
  }

  /** Has the host look again; one that does not answer finds what changed by itself. */
  async refresh(): Promise<void> {
    try {
      await this.tools.host.listLoras();
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
    }
  }

  /** Takes the copy of a LoRA file out, and forgets of one that lies there itself that it is used. */
  forget(file: string): Promise<void> {
    return this.mutex.runExclusive(async () => {
      const place = await this.placeOf(file);
      if (place === file) await this.forgetPlace(file);
      else if (place !== null) await this.remove(file, place);
    });
  }

  /**
   * Where it lies already, as it is, or a free place: under its own name, with a number where a file has
   * that. One of the same bytes that is not ours is left alone, as it would be taken out with ours.
   */
  private async placeFor(file: string): Promise<string> {
    const folder = await this.tools.host.loraFolder();
    if (folder === null) {
      throw new AppError(
        'host.failed',
        `there is no web UI that tells of a folder for LoRAs. Put "${file}" into the one of yours.`,
      );
    }
    // Where it was written to as it was made.
    if (isWithin(file, folder)) return file;
    const known = await this.placeOf(file);
    if (known !== null && (await hashOf(known)) === (await hashOf(file))) return known;
    const { name, ext } = path.parse(file);
    for (let number = 1; ; number++) {
      const place = path.join(folder, `${name}${number === 1 ? '' : `-${number}`}${ext}`);
      if (!(await pathExists(place))) return place;
    }
  }

  private async remove(file: string, place: string): Promise<void> {
    await rm(place, { force: true });
    await this.forgetPlace(file);
    await this.refresh();
  }

  private async forgetPlace(file: string): Promise<void> {
    await this.tools.journal.update(({ loras: { [file]: _gone, ...others } }) => ({
      loras: others,
    }));
  }

  private async requireIdle(): Promise<void> {
    const { idleMs: timeoutMs, pollMs } = this.tools.timeouts;
    if (await becomesIdle(this.tools.host, { timeoutMs, pollMs })) return;
    throw new AppError(
      'host.busy',
      'the web UI is drawing pictures, so the LoRA was not put there. Try again when it has finished.',
    );
  }

  private async listed(place: string): Promise<HostFile> {
    const { listedMs, pollMs } = this.tools.timeouts;
    const deadline = performance.now() + listedMs;
    do {
      const listed = await this.tools.host.listLoras();
      const lora = listed.find((known) => isAt(known.path, place));
      if (lora) return lora;
      await sleep(pollMs);
    } while (performance.now() < deadline);
    throw new AppError(
      'host.swap-failed',
      `the web UI does not list "${place}" though it was asked to look again, so the LoRA was taken out. Its console says why.`,
    );
  }
}

function isWithin(file: string, folder: string): boolean {
  return file.startsWith(`${path.resolve(folder)}${path.sep}`);
}

/** Whether a path that a host tells is that place; a relative one is where it ends so. */
function isAt(told: string, place: string): boolean {
  const normal = path.normalize(told);
  return path.isAbsolute(normal) ? normal === place : place.endsWith(`${path.sep}${normal}`);
}

async function copyWhole(from: string, to: string): Promise<void> {
  const temporaryPath = temporaryPathOf(to);
  try {
    await asOutputErrors(to, async () => {
      await copyFlushed(from, temporaryPath);
      await publishFile(temporaryPath, to);
    });
  } finally {
    await rm(temporaryPath, { force: true });
  }
}

/** LoRA files are small. */
async function hashOf(file: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
}
