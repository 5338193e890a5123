import type { SafetensorsFile } from '../../checkpoint/safetensors-reader.ts';
import type { TensorStore } from '../../checkpoint/tensor-store.ts';
import type { FolderFile } from './folder-files.ts';

/** A file of weights in a folder, open for reading. */
export interface WeightFile {
  /** Path within the folder. */
  readonly name: string;
  readonly file: SafetensorsFile;
  /** What the model calls its tensors, by the file's own names; of those that it has. */
  readonly names: ReadonlyMap<string, string>;
}

/** A model as diffusers keeps it, in a folder, open for reading. */
export interface ModelFolder extends TensorStore {
  readonly layout: 'diffusers';
  readonly weightFiles: readonly WeightFile[];
  /** Every file that the model consists of, in the order of their names. */
  readonly files: readonly FolderFile[];
  /** The file that makes the folder a model, within it: written last. */
  readonly mark: string;
  /** Those that decide what it draws, within the folder: configs, vocabulary and weights. */
  readonly decisive: readonly string[];
  /** Paths of the other files, which hold copies of the UNet, with forward slashes. */
  readonly leftOut: readonly string[];
  /** Components of the index that are UNets besides the one in use. */
  readonly otherUnets: readonly string[];
}
