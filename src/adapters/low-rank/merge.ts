import type { ModelFiles } from '../../families/model-files.ts';
import { GraphBuilder } from '../../onnx/graph-builder.ts';
import { readElements } from '../../runtime/read-back.ts';
import { GraphSession } from '../../runtime/session.ts';
import { floatData, floatTensor, type Tensor } from '../../runtime/tensor.ts';
import type { LinearWeight } from './factors.ts';

/** The trained factors of a weight's change, and how often it counts. */
interface Change {
  readonly down: Tensor;
  readonly up: Tensor;
  readonly scale: number;
}

/** W + scale·up·down: float32, row-major, in the checkpoint's shape. */
export async function mergedWeight(
  file: ModelFiles,
  { name, outputs, inputs }: LinearWeight,
  { down, up, scale }: Change,
): Promise<Float32Array> {
  const rank = down.dims[0] ?? 0;
  const g = new GraphBuilder('merge');
  const operands = [
    g.input('up', 'float32', [outputs, rank]),
    g.input('down', 'float32', [rank, inputs]),
    g.input('weight', 'float32', [outputs, inputs]),
  ];
  g.output('merged', g.op('Gemm', operands, { alpha: scale }));
  const session = await GraphSession.create(g.graph, { device: 'cpu' });
  try {
    const { merged } = await session.run({
      up: floatTensor(await readElements(up), up.dims),
      down: floatTensor(await readElements(down), down.dims),
      weight: floatTensor(await file.readFloat32(name), [outputs, inputs]),
    });
    if (!merged) throw new Error('the merging graph gave no output');
    return floatData(merged);
  } finally {
    await session.release();
  }
}
