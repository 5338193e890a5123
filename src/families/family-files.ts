import type { TensorTable } from '../checkpoint/safetensors-header.ts';
import type { ModelFolder } from './folder/model-folder.ts';

/** Copies of a denoiser in a single file: hosts that take them first would still draw the concept. */
export interface DenoiserCopies {
  readonly names: ReadonlySet<string>;
  /** What their names begin with, a star after it: `model_ema.*`. */
  readonly groups: readonly string[];
}

/** A small file that a host or this program needs beside a model in a single file. */
export interface SidecarFile {
  readonly from: string;
  readonly to: string;
}

/** Of which files the models of a family are made. */
export interface FamilyFiles {
  /** Whether a folder is a model of the family, as far as the names and contents of its configs tell. */
  holdsFolder(folder: string): Promise<boolean>;
  /**
   * Opens such a folder and checks the headers of its weights.
   *
   * @throws AppError `checkpoint.*`, `model.unsupported`
   */
  openFolder(folder: string): Promise<ModelFolder>;
  /** What a result leaves out of a single file. */
  copiesIn(tensors: TensorTable): DenoiserCopies;
  /**
   * Which files beside a single file belong beside its result, and where; those that are there already
   * among them.
   *
   * @throws AppError `checkpoint.config`
   */
  sidecars(sourcePath: string, outputPath: string): Promise<readonly SidecarFile[]>;
  /** Paths of files that are called after a single file and go when it goes. */
  namedAfter(modelPath: string): readonly string[];
}
