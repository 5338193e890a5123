import path from 'node:path';

import { writeReplacing } from '../../checkpoint/atomic-file.ts';
import { pathExists } from '../../checkpoint/output-path.ts';
import {
  serializeSafetensorsHeader,
  type TensorInfo,
} from '../../checkpoint/safetensors-header.ts';
import type { TensorStore } from '../../checkpoint/tensor-store.ts';
import type { Checkpoint } from '../../families/checkpoint.ts';
import { AppError } from '../../errors.ts';
import type { WeightSource } from '../../models/weights.ts';
import type { GraphBuilder } from '../../onnx/graph-builder.ts';
import type { Value } from '../../onnx/graph.ts';
import { encodeFloats } from '../../tensor/dtype.ts';
import { elementCount } from '../../tensor/shape.ts';
import { quantizeRows } from './int8.ts';
import type { LowRankSettings } from './settings.ts';

/** Smaller tensors, norms and biases, stay float32: they weigh nothing and count for much. */
const minQuantizedElements = 4096;

/** How a tensor of the model lies in the file. */
interface Stored {
  readonly values: TensorInfo;
  /** Of matrices and convolutions: float32, one for each output channel. */
  readonly scales: TensorInfo | null;
}

/**
 * A model's frozen weights in 8 bits, in a safetensors file of their own: a quarter of the memory of
 * float32. Each output channel has a scale of its own; graphs multiply with it where they read the
 * weight (`DequantizeLinear`).
 */
export class Int8Base {
  /** Of all tensors in it, in memory and on the disk. */
  readonly bytes: number;
  private readonly source: TensorStore;
  private readonly file: string;
  private readonly header: Uint8Array;
  private readonly tensors = new Map<string, Stored>();

  /**
   * @param prefix of the tensors that it is made of
   * @param file where it is kept; nothing is read or written before `make`
   */
  constructor(source: TensorStore, prefix: string, file: string) {
    this.source = source;
    this.file = file;
    const infos: TensorInfo[] = [];
    let offset = 0;
    const place = (info: Pick<TensorInfo, 'name' | 'dtype' | 'shape'>, elementBytes: number) => {
      const byteLength = elementCount(info.shape) * elementBytes;
      const placed = { ...info, fileOffset: offset, byteLength };
      offset += byteLength;
      infos.push(placed);
      return placed;
    };
    for (const { name, shape } of source.tensors.values()) {
      if (!name.startsWith(prefix)) continue;
      const isQuantized = shape.length >= 2 && elementCount(shape) >= minQuantizedElements;
      this.tensors.set(
        name,
        isQuantized
          ? {
              values: place({ name, dtype: 'I8', shape }, 1),
              scales: place({ name: `${name}.scale`, dtype: 'F32', shape: shape.slice(0, 1) }, 4),
            }
          : { values: place({ name, dtype: 'F32', shape }, 4), scales: null },
      );
    }
    this.header = serializeSafetensorsHeader(infos, new Map());
    this.bytes = offset;
  }

  /** The folder that its file lies in. */
  get folder(): string {
    return path.dirname(this.file);
  }

  /**
   * Writes the file, unless it is there already from an earlier run.
   *
   * @returns |W − Ŵ| / |W| of what was rounded; null where nothing had to be done
   */
  async make(): Promise<number | null> {
    if (await pathExists(this.file)) return null;
    let square = 0;
    let errorSquare = 0;
    await writeReplacing(this.file, async (handle) => {
      await handle.writeFile(this.header);
      for (const [name, { scales }] of this.tensors) {
        const weights = await this.source.readFloat32(name);
        if (!scales) {
          await handle.writeFile(encodeFloats('F32', weights));
          continue;
        }
        const quantized = quantizeRows(weights, elementCount(scales.shape));
        square += quantized.square;
        errorSquare += quantized.errorSquare;
        await handle.writeFile(new Uint8Array(quantized.values.buffer));
        await handle.writeFile(encodeFloats('F32', quantized.scales));
      }
    });
    return square === 0 ? 0 : Math.sqrt(errorSquare / square);
  }

  /** The weights as float32 values of `g`, to be read where they are used: see `castAtUse`. */
  weights(g: GraphBuilder): WeightSource {
    const values = new Map<string, Value>();
    const storedOf = (name: string): Stored => {
      const stored = this.tensors.get(name);
      if (stored) return stored;
      throw new AppError('model.unsupported', `the model has no tensor "${name}"`);
    };
    const external = (
      { name, shape, fileOffset, byteLength }: TensorInfo,
      type: 'int8' | 'float32',
    ) =>
      g.external(name, type, shape, {
        location: path.basename(this.file),
        offsetBytes: this.header.byteLength + fileOffset,
        lengthBytes: byteLength,
      });
    return {
      get(name) {
        const known = values.get(name);
        if (known) return known;
        const { values: whole, scales } = storedOf(name);
        const value = scales
          ? g.shared(() =>
              g.scope(name, () =>
                g.op('DequantizeLinear', [external(whole, 'int8'), external(scales, 'float32')], {
                  axis: 0,
                }),
              ),
            )
          : external(whole, 'float32');
        values.set(name, value);
        return value;
      },
      has: (name) => this.tensors.has(name),
      shape: (name) => storedOf(name).values.shape,
      change: () => null,
    };
  }
}

/**
 * The base of a run whose settings want one in 8 bits.
 *
 * @param folder that the job may keep files in
 */
export function int8BaseOf(
  { file, denoiser }: Checkpoint,
  { basePrecision }: Pick<LowRankSettings, 'basePrecision'>,
  folder: string,
): Int8Base | null {
  if (basePrecision !== 'int8') return null;
  return new Int8Base(file, denoiser.prefix, path.join(folder, 'base-int8.safetensors'));
}
