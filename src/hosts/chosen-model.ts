import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';

import { replaceFile } from '../checkpoint/atomic-file.ts';

const choiceSchema = z.object({ name: z.string() });

/** The active model of a host that has none itself, kept in the data folder. */
export class ChosenModel {
  private readonly path: string;
  /** Undefined until it was read: nobody else writes the file. */
  private name: string | null | undefined;

  constructor(dataFolder: string) {
    this.path = path.join(dataFolder, 'active-model.json');
  }

  /** Null where none was chosen yet. */
  async read(): Promise<string | null> {
    if (this.name === undefined) this.name = await this.readFile();
    return this.name;
  }

  async choose(name: string): Promise<void> {
    await replaceFile(this.path, JSON.stringify({ name }));
    this.name = name;
  }

  private async readFile(): Promise<string | null> {
    const text = await readFile(this.path, 'utf8').catch(() => 'null');
    try {
      return choiceSchema.parse(JSON.parse(text)).name;
    } catch {
      return null;
    }
  }
}
