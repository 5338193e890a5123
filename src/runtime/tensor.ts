import type { Tensor } from 'onnxruntime-node';

import type { Shape } from '../tensor/shape.ts';
import { runtime } from './onnxruntime.ts';

/** A tensor on the host or in device memory, as sessions take and give it. */
export type { Tensor } from 'onnxruntime-node';

/** A float32 tensor over `data`, which is not copied. */
export function floatTensor(data: Float32Array, shape: Shape): Tensor {
  return new runtime.Tensor('float32', data, shape);
}

/** A float64 tensor over `data`, which is not copied. */
export function doubleTensor(data: Float64Array, shape: Shape): Tensor {
  return new runtime.Tensor('float64', data, shape);
}

/** The elements of a float64 tensor, which only the host has; not a copy. */
export function doubleData(tensor: Tensor): Float64Array {
  if (!(tensor.data instanceof Float64Array)) {
    throw new TypeError(`a float64 tensor was expected, got ${tensor.type}`);
  }
  return tensor.data;
}

/** An int64 tensor of whole numbers. */
export function intTensor(values: ArrayLike<number>, shape: Shape): Tensor {
  return new runtime.Tensor('int64', BigInt64Array.from(Array.from(values), BigInt), shape);
}

/** A bool scalar. */
export function boolTensor(value: boolean): Tensor {
  return new runtime.Tensor('bool', Uint8Array.of(value ? 1 : 0), []);
}

/** The elements of a float32 tensor that lies in host memory; not a copy. */
export function floatData(tensor: Tensor): Float32Array {
  // A tensor in device memory must never be read with getData(): onnxruntime-node 1.30 aborts.
  if (tensor.location !== 'cpu' || !(tensor.data instanceof Float32Array)) {
    throw new TypeError(`a float32 tensor on the host was expected, got ${tensor.type}`);
  }
  return tensor.data;
}

/** The one element of a float32 scalar that lies in host memory. */
export function scalarData(tensor: Tensor): number {
  return floatData(tensor)[0] ?? Number.NaN;
}

/** A closed port: what is transferred to it is gone, and its memory free, at once. */
const nowhere = new MessageChannel().port1;
nowhere.close();

/**
 * Frees the memory of tensors on the host, whose data must not be used again. For what is large and
 * comes often: left to the garbage collector it would be in memory beside its successor.
 */
export function freeOnHost(tensors: readonly Tensor[]): void {
  const buffers = tensors.map((tensor) => floatData(tensor).buffer as ArrayBuffer);
  nowhere.postMessage(null, buffers);
}

/** Gives device memory back; a tensor on the host is left to the garbage collector. */
export function releaseTensor(tensor: Tensor | undefined): void {
  if (tensor && tensor.location !== 'cpu') tensor.dispose();
}
