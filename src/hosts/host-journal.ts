import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { Mutex } from 'async-mutex';
import { z } from 'zod';

import { replaceFile } from '../checkpoint/atomic-file.ts';
import { modelStateSchema } from './model-state.ts';

const entriesSchema = z.object({
  version: z.literal(1),
  /** Whether the host was asked to free its graphics memory. */
  memoryIsLent: z.boolean(),
  model: modelStateSchema,
  /** Of each scrubbed model that was put into use, by its path: the model that was active before. */
  before: z.record(z.string(), z.string()),
  /** Of each LoRA file that was put into the host's folder, by its path: where it lies there. */
  loras: z.record(z.string(), z.string()).default({}),
});
type Entries = z.infer<typeof entriesSchema>;

const initial: Entries = {
  version: 1,
  memoryIsLent: false,
  model: { state: 'settled' },
  before: {},
  loras: {},
};

/** The file of 0.1.0, which knew what is owed to the host and left the models before to the jobs. */
const debtsSchema = z.object({
  memory: z.boolean(),
  model: z.object({ active: z.string(), drawing: z.string() }).nullable(),
});

/**
 * What was done to a host and is to be undone, kept in the data folder as `host.json`: whoever did it
 * may be killed. Only one process uses a data folder's host.
 */
export class HostJournal {
  private readonly path: string;
  private readonly debtsPath: string;
  private entries: Promise<Entries> | null = null;
  private readonly writing = new Mutex();

  constructor(dataFolder: string) {
    this.path = path.join(dataFolder, 'host.json');
    this.debtsPath = path.join(dataFolder, 'host-debts.json');
  }

  /** All of it. A file that means nothing counts as none: a host that is down has lost it too. */
  read(): Promise<Entries> {
    this.entries ??= this.readFiles();
    return this.entries;
  }

  /** Changes what `change` makes of it; on the disk when this returns. */
  update(change: (entries: Entries) => Partial<Omit<Entries, 'version'>>): Promise<void> {
    return this.writing.runExclusive(async () => {
      const entries = await this.read();
      const changed = { ...entries, ...change(entries) };
      await replaceFile(this.path, JSON.stringify(changed));
      this.entries = Promise.resolve(changed);
      await rm(this.debtsPath, { force: true });
    });
  }

  private async readFiles(): Promise<Entries> {
    const entries = entriesSchema.safeParse(await readJson(this.path));
    if (entries.success) return entries.data;
    const debts = debtsSchema.safeParse(await readJson(this.debtsPath));
    if (!debts.success) return initial;
    const { memory, model } = debts.data;
    return {
      ...initial,
      memoryIsLent: memory,
      model: model ? { state: 'drawing', ...model } : { state: 'settled' },
    };
  }
}

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch {
    return null;
  }
}
