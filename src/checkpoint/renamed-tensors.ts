import { AppError } from '../errors.ts';
import type { Shape } from '../tensor/shape.ts';
import type { TensorInfo, TensorTable } from './safetensors-header.ts';
import type { TensorStore } from './tensor-store.ts';

/** A tensor under another name, and the shape that its bytes have there. */
export interface RenamedTensor {
  /** Its name in the file. */
  readonly key: string;
  readonly shape: Shape;
}

/** Some tensors of an open file under other names. Closing it closes the file. */
export class RenamedTensors implements TensorStore {
  readonly path: string;
  readonly fileBytes: number;
  readonly metadata: ReadonlyMap<string, string>;
  readonly tensors: TensorTable;
  readonly #source: TensorStore;
  readonly #renamed: ReadonlyMap<string, RenamedTensor>;

  /** @param renamed by the new names; tensors that it does not name are left out */
  constructor(source: TensorStore, renamed: ReadonlyMap<string, RenamedTensor>) {
    this.path = source.path;
    this.fileBytes = source.fileBytes;
    this.metadata = source.metadata;
    this.#source = source;
    this.#renamed = renamed;
    this.tensors = new Map(
      [...renamed].flatMap(([name, { key, shape }]): [string, TensorInfo][] => {
        const info = source.tensors.get(key);
        return info ? [[name, { ...info, name, shape }]] : [];
      }),
    );
  }

  fileOf(name: string): string {
    return this.#source.fileOf(this.#keyOf(name));
  }

  readTensor(name: string): Promise<Uint8Array> {
    return this.#source.readTensor(this.#keyOf(name));
  }

  readFloat32(name: string, into?: Float32Array): Promise<Float32Array> {
    return this.#source.readFloat32(this.#keyOf(name), into);
  }

  chunks(name: string, chunkBytes?: number): AsyncGenerator<Uint8Array> {
    return this.#source.chunks(this.#keyOf(name), chunkBytes);
  }

  close(): Promise<void> {
    return this.#source.close();
  }

  #keyOf(name: string): string {
    const renamed = this.#renamed.get(name);
    if (renamed) return renamed.key;
    throw new AppError('checkpoint.damaged', `"${this.path}" has no tensor "${name}".`);
  }
}
