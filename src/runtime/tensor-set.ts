import { AppError } from '../errors.ts';
import { elementCount, type Shape } from '../tensor/shape.ts';
import { floatTensor, releaseTensor, type Tensor } from './tensor.ts';

/**
 * One tensor for each trained parameter: the parameters themselves, a gradient, a moment. Owns its
 * tensors: those in device memory are disposed when they are replaced.
 */
export class TensorSet {
  private readonly tensors = new Map<string, Tensor>();

  /** Zeros on the host. */
  static zeros(parameters: Iterable<{ name: string; shape: Shape }>): TensorSet {
    const set = new TensorSet();
    for (const { name, shape } of parameters) {
      set.put(name, floatTensor(new Float32Array(elementCount(shape)), shape));
    }
    return set;
  }

  get(name: string): Tensor {
    const tensor = this.tensors.get(name);
    if (!tensor) throw new AppError('internal.unexpected', `no tensor for parameter ${name}`);
    return tensor;
  }

  find(name: string): Tensor | undefined {
    return this.tensors.get(name);
  }

  put(name: string, tensor: Tensor): void {
    const previous = this.tensors.get(name);
    if (previous === tensor) return;
    this.tensors.set(name, tensor);
    releaseTensor(previous);
  }

  entries(): IterableIterator<[string, Tensor]> {
    return this.tensors.entries();
  }

  dispose(): void {
    for (const tensor of this.tensors.values()) releaseTensor(tensor);
    this.tensors.clear();
  }
}
