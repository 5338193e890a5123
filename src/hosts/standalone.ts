import { mkdir, readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

import { replaceFile } from '../checkpoint/atomic-file.ts';
import { AppError } from '../errors.ts';
import type { Host, HostModel } from './host.ts';

/** Where the model that comes with the program is; it is only read. */
const shippedModels = fileURLToPath(new URL('../../presets/tiny-sd/', import.meta.url));

/** A folder is looked through again after this time. */
const LISTING_MS = 1000;
/** Against folders of everything, a home say. */
const MAX_ENTRIES = 20_000;

const activeSchema = z.object({ name: z.string() });

/** No web UI: folders of checkpoints, and a file that says which one is active. */
export class StandaloneHost implements Host {
  readonly kind = 'standalone';
  private readonly folders: readonly string[];
  private readonly ownFolder: string;
  private readonly activePath: string;
  private listing: { readonly time: number; readonly models: Promise<HostModel[]> } | null = null;

  /**
   * @param folders of checkpoints; those within are looked through too
   * @param dataFolder where the choice of the active model is kept, and results of the shipped one
   */
  constructor(folders: readonly string[], dataFolder: string) {
    this.ownFolder = path.join(dataFolder, 'models');
    this.folders = folders.length > 0 ? folders : [this.ownFolder];
    this.activePath = path.join(dataFolder, 'active-model.json');
  }

  /** Makes the folder for the results of the shipped model. */
  async open(): Promise<void> {
    await mkdir(this.ownFolder, { recursive: true });
  }

  isReachable(): Promise<boolean> {
    return Promise.resolve(true);
  }

  listModels(): Promise<readonly HostModel[]> {
    const now = performance.now();
    if (!this.listing || now - this.listing.time > LISTING_MS) {
      this.listing = { time: now, models: this.findModels() };
    }
    return this.listing.models;
  }

  refresh(): Promise<void> {
    this.listing = null;
    return Promise.resolve();
  }

  resultFolder({ path: modelPath }: HostModel): string {
    const folder = path.dirname(modelPath);
    return `${folder}${path.sep}` === shippedModels ? this.ownFolder : folder;
  }

  async activeModel(): Promise<string | null> {
    const text = await readFile(this.activePath, 'utf8').catch(() => 'null');
    try {
      return activeSchema.parse(JSON.parse(text)).name;
    } catch {
      return null;
    }
  }

  async activate(name: string): Promise<void> {
    await this.refresh();
    const models = await this.listModels();
    if (!models.some((model) => model.name === name)) {
      throw new AppError(
        'model.not-found',
        `there is no model "${name}" any more. Put it back into the models folder, or choose another one.`,
      );
    }
    await replaceFile(this.activePath, JSON.stringify({ name }));
  }

  private async findModels(): Promise<HostModel[]> {
    const found: HostModel[] = [];
    // Results of the shipped model, where other folders were named.
    const folders = new Set(
      [...this.folders, this.ownFolder].map((folder) => path.resolve(folder)),
    );
    for (const folder of folders) found.push(...(await modelsIn(folder)));
    const isOwnOnly = found.every(({ path: file }) => isWithin(file, this.ownFolder));
    if (isOwnOnly) found.unshift(...(await modelsIn(shippedModels)));
    return withUniqueNames(found);
  }
}

/** The checkpoints in a folder and those within, by name; links to files count, to folders not. */
async function modelsIn(folder: string): Promise<HostModel[]> {
  const models: HostModel[] = [];
  let entries = 0;
  const visit = async (inner: string): Promise<void> => {
    const found = await readdir(path.join(folder, inner), { withFileTypes: true }).catch(() => []);
    for (const entry of found.sort((a, b) => a.name.localeCompare(b.name, 'en'))) {
      entries += 1;
      if (entries > MAX_ENTRIES) return;
      if (entry.name.startsWith('.')) continue;
      const relative = path.join(inner, entry.name);
      if (entry.isDirectory()) await visit(relative);
      else if (path.extname(entry.name).toLowerCase() === '.safetensors') {
        const file = path.join(folder, relative);
        const status = await stat(file).catch(() => null);
        if (!status?.isFile()) continue;
        models.push({
          name: relative.split(path.sep).join('/'),
          path: file,
          bytes: status.size,
          modifiedMs: status.mtimeMs,
        });
      }
    }
  };
  await visit('');
  return models;
}

function isWithin(file: string, folder: string): boolean {
  return path.resolve(file).startsWith(`${path.resolve(folder)}${path.sep}`);
}

/** Of models of the same name in several folders, the later ones are told by a number. */
function withUniqueNames(models: readonly HostModel[]): HostModel[] {
  const taken = new Set<string>();
  return models.map((model) => {
    let { name } = model;
    for (let number = 2; taken.has(name); number++) name = `${model.name} (${number})`;
    taken.add(name);
    return { ...model, name };
  });
}
