import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';

import { replaceFile } from '../checkpoint/atomic-file.ts';
import type { Host } from './host.ts';

const debtsSchema = z.object({
  /** Whether the host was asked to free its graphics memory. */
  memory: z.boolean(),
  /** The active model, and the one that it draws with meanwhile. */
  model: z.object({ active: z.string(), drawing: z.string() }).nullable(),
});
type Debts = z.infer<typeof debtsSchema>;

const none: Debts = { memory: false, model: null };

/** What is to be set right in a host, kept in the data folder: whoever borrowed may be killed. */
export class HostDebts {
  private readonly host: Host;
  private readonly path: string;
  private debts = none;

  constructor(host: Host, dataFolder: string) {
    this.host = host;
    this.path = path.join(dataFolder, 'host-debts.json');
  }

  /**
   * Sets right what a sidecar that was killed has left. What cannot be set right is owed no more: a
   * host that is down has lost it too.
   *
   * @throws AppError `host.*`, `model.not-found`
   */
  async settle(): Promise<void> {
    const { memory, model } = await this.read();
    try {
      if (memory) await this.host.reclaimMemory();
      if (model) await this.restore(model);
    } finally {
      await this.write(none);
    }
  }

  /** Before the host is asked to free its memory, and after it has taken it back. */
  async oweMemory(memory: boolean): Promise<void> {
    await this.write({ ...this.debts, memory });
  }

  /** Before the host draws with a model that may not be the active one. */
  async oweActiveModel(drawing: string): Promise<void> {
    const { model } = this.debts;
    if (model?.drawing === drawing) return;
    // Some take the model that draws for the active one.
    const active = model?.active ?? (await this.host.activeModel());
    if (active === null || active === drawing) return;
    await this.write({ ...this.debts, model: { active, drawing } });
  }

  /** After the host has its active model again. */
  async payActiveModel(): Promise<void> {
    await this.write({ ...this.debts, model: null });
  }

  private async restore({ active, drawing }: NonNullable<Debts['model']>): Promise<void> {
    // Else another one was chosen since, or the host has gone back by itself.
    if ((await this.host.activeModel()) === drawing) await this.host.activate(active);
  }

  private async read(): Promise<Debts> {
    const text = await readFile(this.path, 'utf8').catch(() => 'null');
    try {
      return debtsSchema.parse(JSON.parse(text));
    } catch {
      return none;
    }
  }

  private async write(debts: Debts): Promise<void> {
    this.debts = debts;
    if (debts.memory || debts.model) await replaceFile(this.path, JSON.stringify(debts));
    else await rm(this.path, { force: true });
  }
}
