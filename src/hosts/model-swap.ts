import { setTimeout as sleep } from 'node:timers/promises';

import { openModelFiles } from '../families/open-model-files.ts';
import { AppError } from '../errors.ts';
import { becomesIdle } from './becomes-idle.ts';
import type { Host } from './host.ts';
import type { HostTimeouts } from './host-timeouts.ts';
import { trialPicture } from './trial-picture.ts';

/** Other models that a host is led through when it has lost its own. */
const MAX_DETOURS = 2;

/**
 * Gives a running host another model. It has it for certain, or the one before: a picture is drawn
 * to know. One after the other: see `ModelInUse`.
 */
export class ModelSwap {
  private readonly host: Host;
  private readonly timeouts: HostTimeouts;

  constructor(host: Host, timeouts: HostTimeouts) {
    this.host = host;
    this.timeouts = timeouts;
  }

  /**
   * Has a file used that the host may not have heeded yet.
   *
   * @param back name of the model that it has if this fails; null for none
   * @throws AppError `checkpoint.*` of a damaged file, `host.*`
   */
  async toFile(file: string, back: string | null): Promise<void> {
    // Hosts take a damaged file without complaint, and draw nothing any more.
    await requireWhole(file);
    await this.requireIdle();
    await this.change(await this.nameOf(file), back);
  }

  /**
   * Has a model used that the host has long had.
   *
   * @throws AppError `model.not-found`, `host.*`
   */
  async toModel(name: string, back: string | null): Promise<void> {
    await this.requireIdle();
    await this.host.refresh();
    await this.change(name, back);
  }

  /** A change that is asked for now would come when nobody expects it any more. */
  private async requireIdle(): Promise<void> {
    const { idleMs: timeoutMs, pollMs } = this.timeouts;
    if (await becomesIdle(this.host, { timeoutMs, pollMs })) return;
    throw new AppError(
      'host.busy',
      'the web UI is drawing pictures, so its model was not changed. Try again when it has finished, or interrupt it there.',
    );
  }

  private async nameOf(file: string): Promise<string> {
    const { listedMs, pollMs } = this.timeouts;
    const deadline = performance.now() + listedMs;
    do {
      await this.host.refresh();
      const model = (await this.host.listModels()).find((known) => known.path === file);
      if (model) return model.name;
      await sleep(pollMs);
    } while (performance.now() < deadline);
    throw new AppError(
      'host.swap-failed',
      `the web UI does not list "${file}" though it was asked to look again, so its model was not changed. Make sure that it reads this folder, press the refresh button beside its list or restart it, then try again.`,
    );
  }

  private async change(name: string, back: string | null): Promise<void> {
    try {
      await this.host.activate(name);
      await this.requireDrawing(name);
    } catch (cause) {
      // Of a model that is not there, the host was told nothing.
      if (!(cause instanceof AppError) || cause.code === 'model.not-found') throw cause;
      throw await this.withOutcome(cause, name, back);
    }
  }

  /** Makes sure that pictures are drawn, and with this model. */
  private async requireDrawing(name: string): Promise<void> {
    const picture = await this.host.draw(trialPicture());
    if (picture === null || picture.model === name) return;
    throw new AppError('host.failed', `it draws with "${picture.model}" and not with "${name}".`);
  }

  /** Brings the model before back, and says what came of it. */
  private async withOutcome(cause: AppError, name: string, back: string | null): Promise<AppError> {
    const failure = `"${name}" could not be made the active model: ${cause.message}`;
    const failed = (outcome: string) =>
      new AppError('host.swap-failed', `${failure} ${outcome}`, { cause });
    if (!(await this.host.isReachable())) {
      return new AppError(
        'host.unreachable',
        `the web UI stopped answering while "${name}" was made the active model. Restart it and look which model it has; no file was changed. (${cause.message})`,
        { cause },
      );
    }
    if (back === null) return failed('No model was active before.');
    return (await this.isBack(back, name))
      ? failed(`The active model is "${back}", as before, and draws.`)
      : failed(`Nor could "${back}" be brought back: restart the web UI. No file was changed.`);
  }

  private async isBack(back: string, failed: string): Promise<boolean> {
    const ways = [
      async () => {
        if ((await this.host.activeModel()) !== back) await this.host.activate(back);
      },
      // To ask for the model that it believes to have changes nothing, so it gets another between.
      ...(await this.detours(back, failed)).map((detour) => async () => {
        await this.host.activate(detour);
        // Forge loads no model before it draws.
        await this.requireDrawing(detour);
        await this.host.activate(back);
      }),
    ];
    for (const takeWay of ways) {
      try {
        await takeWay();
        await this.requireDrawing(back);
        return true;
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
      }
    }
    return false;
  }

  private async detours(back: string, failed: string): Promise<string[]> {
    try {
      return [...(await this.host.listModels())]
        .filter(({ name }) => name !== back && name !== failed)
        .sort((a, b) => a.bytes - b.bytes)
        .slice(0, MAX_DETOURS)
        .map(({ name }) => name);
    } catch (error) {
      if (error instanceof AppError) return [];
      throw error;
    }
  }
}

async function requireWhole(file: string): Promise<void> {
  await (await openModelFiles(file)).close();
}
