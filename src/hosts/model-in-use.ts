import { Mutex } from 'async-mutex';

import type { GraphicsMemory } from './graphics-memory.ts';
import type { HostJournal } from './host-journal.ts';
import type { HostTimeouts } from './host-timeouts.ts';
import type { Host } from './host.ts';
import { type ModelState, nextModelState } from './model-state.ts';
import { ModelSwap } from './model-swap.ts';

interface ModelTools {
  readonly host: Host;
  readonly journal: HostJournal;
  readonly memory: GraphicsMemory;
  readonly timeouts: HostTimeouts;
}

/**
 * The model that a host has in use, and the one before: who puts a model into use, goes back, or has
 * pictures drawn with another model, does it here. The state stands in the journal before the host is
 * told, so that a sidecar that is killed is followed by one that knows.
 */
export class ModelInUse {
  private readonly host: Host;
  private readonly journal: HostJournal;
  private readonly memory: GraphicsMemory;
  private readonly swap: ModelSwap;
  /** One change of the state after the other. */
  private readonly mutex = new Mutex();

  constructor({ host, journal, memory, timeouts }: ModelTools) {
    this.host = host;
    this.journal = journal;
    this.memory = memory;
    this.swap = new ModelSwap(host, timeouts);
  }

  /**
   * Sets right what a sidecar that was killed has left in the host; who wants its memory waits
   * meanwhile. What cannot be set right is owed no more: a host that is down has lost it too.
   *
   * @throws AppError `host.*`, `model.not-found`
   */
  settle(): Promise<void> {
    return this.memory.settle(() => this.mutex.runExclusive(() => this.settleModel()));
  }

  /** Before the host draws with a model that may not be the active one. */
  beginDrawing(drawing: string): Promise<void> {
    return this.mutex.runExclusive(async () => {
      const { model } = await this.journal.read();
      if (model.state === 'drawing' && model.drawing === drawing) return;
      // Some take the model that draws for the active one.
      const active = model.state === 'drawing' ? model.active : await this.host.activeModel();
      if (active === null || active === drawing) return;
      await this.enter({ state: 'drawing', active, drawing });
    });
  }

  /** After the host has its active model again. */
  endDrawing(): Promise<void> {
    return this.mutex.runExclusive(async () => {
      const { model } = await this.journal.read();
      if (model.state === 'drawing') await this.enter({ state: 'settled' });
    });
  }

  /**
   * Puts a scrubbed model into use, and remembers the model before.
   *
   * @param original name of the model that pictures were drawn with where none was chosen yet
   * @throws AppError `checkpoint.*` of a damaged file, `host.*`
   */
  use(file: string, original: string): Promise<void> {
    return this.exclusively(async () => {
      const active = await this.host.activeModel();
      const back = active ?? original;
      // Before the change: nobody knows how far a host comes that stops answering.
      await this.journal.update(({ before }) => ({ before: { ...before, [file]: back } }));
      await this.swapping({ from: active, to: file }, () => this.swap.toFile(file, back));
    });
  }

  /**
   * Goes back to the model that was active before a scrubbed one.
   *
   * @param back name of the model that the host has if this fails; null for none
   * @throws AppError `model.not-found`, `host.*`
   */
  goBack(file: string, back: string | null): Promise<void> {
    return this.exclusively(async () => {
      const model = await this.before(file);
      if (model === null) throw new Error(`no model was active before "${file}"`);
      await this.swapping({ from: back, to: model }, () => this.swap.toModel(model, back));
      await this.forget(file);
    });
  }

  /** Name of the model that was active before a scrubbed one was put into use; null for none. */
  async before(file: string): Promise<string | null> {
    return (await this.journal.read()).before[file] ?? null;
  }

  /** Takes over what a job of 0.1.0 has kept; what is known here already is newer. */
  async adopt(file: string, model: string): Promise<void> {
    await this.journal.update(({ before }) => ({ before: { [file]: model, ...before } }));
  }

  /** Forgets a scrubbed model that nobody will go back from. */
  async forget(file: string): Promise<void> {
    if ((await this.before(file)) === null) return;
    await this.journal.update(({ before: { [file]: _gone, ...others } }) => ({ before: others }));
  }

  /** One change after the other; a host changes only a model that it has. */
  private async exclusively(change: () => Promise<void>): Promise<void> {
    // Before the mutex, as whoever draws has the memory first; training has less of it then.
    await this.memory.reclaim();
    await this.mutex.runExclusive(change);
  }

  private async swapping(
    state: Omit<Extract<ModelState, { state: 'swapping' }>, 'state'>,
    change: () => Promise<void>,
  ): Promise<void> {
    await this.enter({ state: 'swapping', ...state });
    try {
      await change();
    } finally {
      await this.enter({ state: 'settled' });
    }
  }

  /** Of a swap that was cut off, whichever model the host has now is the one that it stays with. */
  private async settleModel(): Promise<void> {
    const { model } = await this.journal.read();
    try {
      // Else another one was chosen since, or the host has gone back by itself.
      const isOwed = model.state === 'drawing' && (await this.host.activeModel()) === model.drawing;
      if (isOwed) await this.host.activate(model.active);
    } finally {
      if (model.state !== 'settled') await this.enter({ state: 'settled' });
    }
  }

  private async enter(state: ModelState): Promise<void> {
    await this.journal.update(({ model }) => ({ model: nextModelState(model, state) }));
  }
}
