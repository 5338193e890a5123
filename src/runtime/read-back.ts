import { AppError } from '../errors.ts';
import { GraphBuilder } from '../onnx/graph-builder.ts';
import { GraphSession } from './session.ts';
import { floatData, releaseTensor, type Tensor } from './tensor.ts';

/** Sessions that copy a float32 tensor from the GPU to the host, by its shape. */
const copiers = new Map<string, Promise<GraphSession>>();

/**
 * The elements of a float32 tensor wherever it lies. A tensor in device memory is copied by a graph
 * with one Identity node, since `getData()` aborts the process in onnxruntime-node 1.30.
 */
export async function readElements(tensor: Tensor): Promise<Float32Array> {
  if (tensor.location === 'cpu') return floatData(tensor);
  const shape = tensor.dims;
  const key = shape.join();
  let copier = copiers.get(key);
  if (!copier) {
    const g = new GraphBuilder('read-back');
    g.output('copy', g.input('tensor', 'float32', shape));
    copier = GraphSession.create(g.graph, { device: 'webgpu' });
    copiers.set(key, copier);
  }
  const { copy } = await (await copier).run({ tensor });
  if (!copy) throw new AppError('internal.unexpected', 'a read-back graph gave no output');
  return floatData(copy);
}

/** The elements of a tensor that is not needed any more. */
export async function takeElements(tensor: Tensor): Promise<Float32Array> {
  const elements = await readElements(tensor);
  releaseTensor(tensor);
  return elements;
}
