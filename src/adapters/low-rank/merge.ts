import type { ModelFiles } from '../../families/model-files.ts';
import { GraphBuilder } from '../../onnx/graph-builder.ts';
import type { ParameterSpec } from '../../optim/update-graph.ts';
import { readElements } from '../../runtime/read-back.ts';
import { GraphSession } from '../../runtime/session.ts';
import type { TensorSet } from '../../runtime/tensor-set.ts';
import { floatData, floatTensor } from '../../runtime/tensor.ts';
import type { Factors } from './factors.ts';

/** W + scale·up·down: float32, row-major, in the checkpoint's shape. */
export async function mergedWeight(
  file: ModelFiles,
  { weight, down, up }: Factors,
  { parameters, scale }: { readonly parameters: TensorSet; readonly scale: number },
): Promise<Float32Array> {
  const matrix = [weight.outputs, weight.inputs];
  const g = new GraphBuilder('merge');
  const operands = [
    g.input('up', 'float32', up.shape),
    g.input('down', 'float32', down.shape),
    g.input('weight', 'float32', matrix),
  ];
  g.output('merged', g.op('Gemm', operands, { alpha: scale }));
  const session = await GraphSession.create(g.graph, { device: 'cpu' });
  try {
    const factor = async ({ name, shape }: ParameterSpec) =>
      floatTensor(await readElements(parameters.get(name)), shape);
    const { merged } = await session.run({
      up: await factor(up),
      down: await factor(down),
      weight: floatTensor(await file.readFloat32(weight.name), matrix),
    });
    if (!merged) throw new Error('the merging graph gave no output');
    return floatData(merged);
  } finally {
    await session.release();
  }
}
