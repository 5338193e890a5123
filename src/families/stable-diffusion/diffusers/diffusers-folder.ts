import path from 'node:path';

import { AppError } from '../../../errors.ts';
import type { LdmConfig } from '../ldm-config.ts';
import type { Version } from '../version.ts';
import { pathExists } from '../../../checkpoint/output-path.ts';
import type { TensorInfo, TensorTable } from '../../../checkpoint/safetensors-header.ts';
import { openSafetensors, type SafetensorsFile } from '../../../checkpoint/safetensors-reader.ts';
import { CHUNK_BYTES } from '../../../checkpoint/tensors-on-disk.ts';
import type { TensorStore } from '../../../checkpoint/tensor-store.ts';
import { type Component, findWeightFiles } from './component-weights.ts';
import { findFolderCopies } from './folder-copies.ts';
import { type FolderFile, listFolder } from './folder-files.ts';
import { configFiles, readModelConfig, unetConfig } from './model-config.ts';
import { listComponents, MODEL_INDEX } from './model-index.ts';
import { tokenizerFiles } from './tokenizer-folder.ts';
import { requireConfiguredBlocks } from './unet-blocks.ts';
import { unetNames } from './unet-names.ts';
import { vaeNames, vaeShape } from './vae-names.ts';

/** A file of weights in a diffusers folder, open for reading. */
export interface WeightFile {
  /** Path within the folder. */
  readonly name: string;
  readonly file: SafetensorsFile;
  /** Names in a single-file checkpoint by the file's own; of tensors that a checkpoint has. */
  readonly names: ReadonlyMap<string, string>;
}

/** A Stable Diffusion model as diffusers keeps it, a folder for each part, open for reading. */
export interface DiffusersFolder extends TensorStore {
  readonly layout: 'diffusers';
  /** What its configs say. */
  readonly ldmConfig: LdmConfig;
  readonly weightFiles: readonly WeightFile[];
  /** Every file that the model consists of, in the order of their names. */
  readonly files: readonly FolderFile[];
  /** Paths of the other files, which hold copies of the UNet, with forward slashes. */
  readonly leftOut: readonly string[];
  /** Components of the index that are UNets besides the one in use. */
  readonly otherUnets: readonly string[];
}

interface MappedComponent extends Component {
  readonly namesOf: (keys: readonly string[]) => Map<string, string>;
  readonly shapeOf?: (name: string, shape: readonly number[]) => readonly number[];
}

function mappedComponents({ encoders }: Version): MappedComponent[] {
  const stem = 'diffusion_pytorch_model';
  return [
    { folder: 'unet', stem, namesOf: unetNames },
    // By transformers' names where single files have the encoder: see `locateTextEncoder`.
    ...encoders.map(({ component, prefix }) => ({
      folder: component,
      stem: 'model',
      namesOf: (keys: readonly string[]) => new Map(keys.map((key) => [key, prefix + key])),
    })),
    { folder: 'vae', stem, namesOf: vaeNames, shapeOf: vaeShape },
  ];
}

/** Whether a path is a folder with a diffusers model. */
export async function isDiffusersFolder(modelPath: string): Promise<boolean> {
  return pathExists(path.join(modelPath, MODEL_INDEX));
}

/**
 * Opens a folder with a Stable Diffusion model and checks the headers of its weights. Its tensors
 * have the names and shapes that a single-file checkpoint of the same model would have; those of
 * open_clip's text encoders are where they would be, by the names that transformers has.
 *
 * @throws AppError `checkpoint.not-safetensors` if it is no such folder or has only pickles,
 *   `model.unsupported` for other models, `checkpoint.damaged`, `checkpoint.config`
 */
export async function openDiffusersFolder(folderPath: string): Promise<DiffusersFolder> {
  const folder = path.resolve(folderPath);
  if (!(await isDiffusersFolder(folder))) {
    throw new AppError(
      'checkpoint.not-safetensors',
      `"${folder}" is a folder without ${MODEL_INDEX}, so it is not a diffusers model. Give one .safetensors file, or the folder that has ${MODEL_INDEX}.`,
    );
  }
  const { version, ldmConfig } = await readModelConfig(folder);
  const opened: SafetensorsFile[] = [];
  try {
    const weightFiles: WeightFile[] = [];
    const placed = new Map<string, PlacedTensor>();
    const inUse = new Set<string>();
    for (const component of mappedComponents(version)) {
      const { shards, index } = await findWeightFiles(folder, component);
      for (const name of shards) opened.push(await openSafetensors(path.join(folder, name)));
      const files = opened.slice(-shards.length);
      const keys = files.flatMap(({ tensors }) => [...tensors.keys()]);
      if (component.folder === 'unet') {
        await requireConfiguredBlocks(path.join(folder, unetConfig), keys);
      }
      const names = component.namesOf(keys);
      for (const file of files) placeTensors(placed, file, { ...component, names });
      weightFiles.push(...files.map((file, i) => ({ name: shards[i] ?? '', file, names })));
      for (const name of index === null ? shards : [...shards, index]) inUse.add(name);
    }
    const components = await listComponents(folder);
    const all = await listFolder(folder);
    const copies = await findFolderCopies(folder, all, { inUse, components });
    const files = all.filter(({ name }) => !copies.has(name));
    const leftOut = [...copies].map((name) => name.split(path.sep).join('/'));
    const content = { ldmConfig, weightFiles, files, leftOut, otherUnets: components.unets };
    return new OpenFolder(folder, { ...content, placed });
  } catch (error) {
    await closeAll(opened);
    throw error;
  }
}

/** The files that decide what a model draws, within its folder: configs, vocabulary and weights. */
export function decisiveFiles({ weightFiles, files }: DiffusersFolder): string[] {
  const present = tokenizerFiles.filter((file) => files.some(({ name }) => name === file));
  const configs = configFiles.filter((file) => files.some(({ name }) => name === file));
  return [...configs, ...present, ...weightFiles.map(({ name }) => name)].sort();
}

/** A tensor as a single-file checkpoint would have it, and where it is. */
interface PlacedTensor {
  readonly info: TensorInfo;
  /** Its name in its file. */
  readonly key: string;
  readonly file: SafetensorsFile;
}

function placeTensors(
  placed: Map<string, PlacedTensor>,
  file: SafetensorsFile,
  { names, shapeOf }: Pick<WeightFile, 'names'> & Pick<MappedComponent, 'shapeOf'>,
): void {
  for (const [key, info] of file.tensors) {
    const name = names.get(key);
    if (name === undefined) continue;
    if (placed.has(name)) {
      throw new AppError(
        'checkpoint.damaged',
        `"${file.path}" holds the tensor "${key}", which the model has already, under this name in another file or under an older one. Copy or download the model's folder again.`,
      );
    }
    const shape = shapeOf?.(name, info.shape) ?? info.shape;
    placed.set(name, { info: { ...info, name, shape }, key, file });
  }
}

async function closeAll(files: readonly SafetensorsFile[]): Promise<void> {
  for (const file of files) await file.close();
}

class OpenFolder implements DiffusersFolder {
  readonly layout = 'diffusers';
  readonly path: string;
  readonly ldmConfig: LdmConfig;
  readonly weightFiles: readonly WeightFile[];
  readonly files: readonly FolderFile[];
  readonly leftOut: readonly string[];
  readonly otherUnets: readonly string[];
  readonly fileBytes: number;
  readonly tensors: TensorTable;
  readonly metadata: ReadonlyMap<string, string>;
  readonly #placed: ReadonlyMap<string, PlacedTensor>;

  constructor(
    folder: string,
    content: Pick<
      DiffusersFolder,
      'ldmConfig' | 'weightFiles' | 'files' | 'leftOut' | 'otherUnets'
    > & {
      readonly placed: ReadonlyMap<string, PlacedTensor>;
    },
  ) {
    const { ldmConfig, weightFiles, files, leftOut, otherUnets, placed } = content;
    this.path = folder;
    this.ldmConfig = ldmConfig;
    this.weightFiles = weightFiles;
    this.files = files;
    this.leftOut = leftOut;
    this.otherUnets = otherUnets;
    this.fileBytes = files.reduce((sum, { bytes }) => sum + bytes, 0);
    // By name, as single files are written: what is trained has the same order in both.
    this.tensors = new Map(
      [...placed]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, { info }]) => [name, info] as const),
    );
    this.metadata = new Map(weightFiles.flatMap(({ file }) => [...file.metadata]));
    this.#placed = placed;
  }

  fileOf(name: string): string {
    const { file, key } = this.#find(name);
    return file.fileOf(key);
  }

  readTensor(name: string): Promise<Uint8Array> {
    const { file, key } = this.#find(name);
    return file.readTensor(key);
  }

  readFloat32(name: string, into?: Float32Array): Promise<Float32Array> {
    const { file, key } = this.#find(name);
    return file.readFloat32(key, into);
  }

  chunks(name: string, chunkBytes = CHUNK_BYTES): AsyncGenerator<Uint8Array> {
    const { file, key } = this.#find(name);
    return file.chunks(key, chunkBytes);
  }

  async close(): Promise<void> {
    await closeAll(this.weightFiles.map(({ file }) => file));
  }

  #find(name: string): PlacedTensor {
    const found = this.#placed.get(name);
    if (found) return found;
    throw new AppError(
      'checkpoint.damaged',
      `"${this.path}" has no tensor "${name}" of a Stable Diffusion checkpoint. Use a complete copy of the model.`,
    );
  }
}
