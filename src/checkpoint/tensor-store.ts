import type { TensorTable } from './safetensors-header.ts';

/**
 * The tensors of a model by their names in a single-file checkpoint, wherever they lie: in that file,
 * or in the files of a folder. Headers are in memory, weights on disk.
 */
export interface TensorStore {
  /** The file, or the folder. */
  readonly path: string;
  /** What the model takes on a disk when it is written anew. */
  readonly fileBytes: number;
  /** Every tensor by name. Its offset counts in the file that `fileOf` tells. */
  readonly tensors: TensorTable;
  /** Text about the model; in a scrubbed one, how it was made. */
  readonly metadata: ReadonlyMap<string, string>;
  /**
   * The safetensors file that holds a tensor, as an absolute path without links.
   *
   * @throws AppError `checkpoint.damaged` if there is no such tensor
   */
  fileOf(name: string): string;
  /**
   * The raw bytes of a tensor in a buffer of its own.
   *
   * @throws AppError `checkpoint.damaged` if there is no such tensor or the file was cut off meanwhile
   */
  readTensor(name: string): Promise<Uint8Array>;
  /**
   * A tensor of a floating type as float32, row-major.
   *
   * @param into takes the result; as many elements. Default: an array of its own
   * @throws AppError as `readTensor`, and `model.unsupported` for other types
   */
  readFloat32(name: string, into?: Float32Array): Promise<Float32Array>;
  /**
   * The bytes of a tensor in pieces of at most `chunkBytes`. The pieces share one buffer: each is
   * valid until the next is asked for.
   */
  chunks(name: string, chunkBytes?: number): AsyncGenerator<Uint8Array>;
  close(): Promise<void>;
}
