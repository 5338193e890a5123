import { mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';

import { isModelFolder, otherFileAt } from '../families/model-on-disk.ts';
import type { OtherFamily } from '../families/other-files.ts';
import { isModelFile } from '../checkpoint/model-ending.ts';
import { resultFolderOf } from '../checkpoint/output-path.ts';
import { type DrawingGuess, noGuess } from '../drawing/drawing-guess.ts';
import { CachedAnswer } from '../cached-answer.ts';
import { packageFolder } from '../package-folder.ts';
import { ChosenModel } from './chosen-model.ts';
import { embeddingsIn } from './embedding-files.ts';
import type { Host, HostFile, HostModel, HostVae } from './host.ts';
import { modelGone } from './model-gone.ts';
import { modelsOnDisk } from './models-on-disk.ts';

/** Where the model that comes with the program is; it is only read. */
const shippedModels = path.join(packageFolder, 'presets', 'tiny-sd');

/** Against folders of everything, a home say. */
const MAX_ENTRIES = 20_000;

/** No web UI: folders of checkpoints, named by their paths in there, and the choice of one. */
export class StandaloneHost implements Host {
  readonly kind = 'standalone';
  readonly canDraw = false;
  private readonly folders: readonly string[];
  private readonly ownFolder: string;
  private readonly chosen: ChosenModel;
  private readonly listing = new CachedAnswer(() => this.findModels());

  /**
   * @param folders of checkpoints; those within are looked through too
   * @param dataFolder where the choice of the active model is kept, and results of the shipped one
   */
  constructor(folders: readonly string[], dataFolder: string) {
    this.ownFolder = path.join(dataFolder, 'models');
    this.folders = folders.length > 0 ? folders : [this.ownFolder];
    this.chosen = new ChosenModel(dataFolder);
  }

  /** Makes the folder for the results of the shipped model. */
  async open(): Promise<void> {
    await mkdir(this.ownFolder, { recursive: true });
  }

  name(): Promise<string> {
    return Promise.resolve('no web UI');
  }

  isReachable(): Promise<boolean> {
    return Promise.resolve(true);
  }

  listModels(): Promise<readonly HostModel[]> {
    return this.listing.get();
  }

  refresh(): Promise<void> {
    this.listing.forget();
    return Promise.resolve();
  }

  resultFolder({ path: modelPath }: HostModel): string {
    const folder = resultFolderOf(modelPath);
    return folder === shippedModels ? this.ownFolder : folder;
  }

  loraFolder(): Promise<null> {
    return Promise.resolve(null);
  }

  async listLoras(): Promise<readonly HostFile[]> {
    return filesOf(['lora'], await this.listModels());
  }

  async listEmbeddings(): Promise<readonly HostFile[]> {
    const found: HostFile[] = [];
    for (const folder of this.folders) found.push(...(await embeddingsIn(folder)));
    return filesOf(['embedding'], found);
  }

  async listVaes(): Promise<readonly HostVae[]> {
    const vaes = await filesOf(['vae', 'diffusers-vae'], await this.listModels());
    return vaes.map((vae) => ({ ...vae, isChosen: false }));
  }

  guessDrawing(): Promise<DrawingGuess> {
    return Promise.resolve(noGuess);
  }

  activeModel(): Promise<string | null> {
    return this.chosen.read();
  }

  async activate(name: string): Promise<void> {
    await this.refresh();
    const models = await this.listModels();
    if (!models.some((model) => model.name === name)) throw modelGone(name);
    await this.chosen.choose(name);
  }

  draw(): Promise<null> {
    return Promise.resolve(null);
  }

  restoreActive(): Promise<void> {
    return Promise.resolve();
  }

  isBusy(): Promise<boolean> {
    return Promise.resolve(false);
  }

  freeMemory(): Promise<void> {
    return Promise.resolve();
  }

  reclaimMemory(): Promise<void> {
    return Promise.resolve();
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

/** Those files that are of such a kind. */
async function filesOf(
  kinds: readonly OtherFamily[],
  files: readonly HostFile[],
): Promise<HostFile[]> {
  const found: HostFile[] = [];
  // One after the other: headers of hundreds of files are large together.
  for (const { name, path: file } of files) {
    const kind = await otherFileAt(file);
    if (kind !== null && kinds.includes(kind)) found.push({ name, path: file });
  }
  return found;
}

/**
 * The checkpoints in a folder and those within, by name: files, and folders as diffusers makes them.
 * Links to files count, to folders not.
 */
async function modelsIn(folder: string): Promise<HostModel[]> {
  const found: Pick<HostModel, 'name' | 'path'>[] = [];
  let entries = 0;
  const visit = async (inner: string): Promise<void> => {
    const inside = await readdir(path.join(folder, inner), { withFileTypes: true }).catch(() => []);
    for (const entry of inside.sort((a, b) => a.name.localeCompare(b.name, 'en'))) {
      entries += 1;
      if (entries > MAX_ENTRIES) return;
      if (entry.name.startsWith('.')) continue;
      const relative = path.join(inner, entry.name);
      const isFolder = entry.isDirectory();
      const isModel = isFolder
        ? await isModelFolder(path.join(folder, relative))
        : isModelFile(entry.name);
      if (isModel) {
        const name = relative.split(path.sep).join('/');
        found.push({ name, path: path.join(folder, relative) });
      } else if (isFolder) await visit(relative);
    }
  };
  await visit('');
  return modelsOnDisk(found);
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
