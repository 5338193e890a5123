import { AppError } from '../../errors.ts';
import type { TensorInfo, TensorTable } from '../../checkpoint/safetensors-header.ts';
import type { SafetensorsFile } from '../../checkpoint/safetensors-reader.ts';
import { CHUNK_BYTES } from '../../checkpoint/tensors-on-disk.ts';
import type { FolderFile } from './folder-files.ts';
import type { ModelFolder, WeightFile } from './model-folder.ts';

/** What a folder holds, besides what follows from its files of weights. */
export type FolderContent = Pick<
  ModelFolder,
  'weightFiles' | 'files' | 'mark' | 'decisive' | 'leftOut' | 'otherUnets'
>;

/** The shape that the model has a tensor in, where the file's is another. Its bytes are the same. */
export type ShapeOf = (name: string, shape: readonly number[]) => readonly number[];

/** Files of weights in a folder as one model. Closing it closes them. */
export class OpenFolder implements ModelFolder {
  readonly layout = 'diffusers';
  readonly path: string;
  readonly weightFiles: readonly WeightFile[];
  readonly files: readonly FolderFile[];
  readonly mark: string;
  readonly decisive: readonly string[];
  readonly leftOut: readonly string[];
  readonly otherUnets: readonly string[];
  readonly fileBytes: number;
  readonly tensors: TensorTable;
  readonly metadata: ReadonlyMap<string, string>;
  readonly #placed: ReadonlyMap<string, PlacedTensor>;

  /** @throws AppError `checkpoint.damaged` where two tensors are the same one of the model */
  constructor(folder: string, content: FolderContent, shapeOf: ShapeOf = (_name, shape) => shape) {
    this.path = folder;
    this.weightFiles = content.weightFiles;
    this.files = content.files;
    this.mark = content.mark;
    this.decisive = content.decisive;
    this.leftOut = content.leftOut;
    this.otherUnets = content.otherUnets;
    this.fileBytes = content.files.reduce((sum, { bytes }) => sum + bytes, 0);
    this.#placed = placeTensors(content.weightFiles, shapeOf);
    // By name, as single files are written: what is trained has the same order in both.
    this.tensors = new Map(
      [...this.#placed]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, { info }]) => [name, info] as const),
    );
    this.metadata = new Map(content.weightFiles.flatMap(({ file }) => [...file.metadata]));
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
      `"${this.path}" has no tensor "${name}", which the model needs. Use a complete copy of the model.`,
    );
  }
}

export async function closeAll(files: readonly SafetensorsFile[]): Promise<void> {
  for (const file of files) await file.close();
}

/** A tensor as the model has it, and where it is. */
interface PlacedTensor {
  readonly info: TensorInfo;
  /** Its name in its file. */
  readonly key: string;
  readonly file: SafetensorsFile;
}

function placeTensors(
  weightFiles: readonly WeightFile[],
  shapeOf: ShapeOf,
): Map<string, PlacedTensor> {
  const placed = new Map<string, PlacedTensor>();
  for (const { file, names } of weightFiles) {
    for (const [key, info] of file.tensors) {
      const name = names.get(key);
      if (name === undefined) continue;
      if (placed.has(name)) {
        throw new AppError(
          'checkpoint.damaged',
          `"${file.path}" holds the tensor "${key}", which the model has already, under this name in another file or under an older one. Copy or download the model's folder again.`,
        );
      }
      placed.set(name, { info: { ...info, name, shape: shapeOf(name, info.shape) }, key, file });
    }
  }
  return placed;
}
