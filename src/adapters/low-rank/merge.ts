import type { ScaledFactors } from '../../families/family.ts';
import { GraphBuilder } from '../../onnx/graph-builder.ts';
import { GraphSession } from '../../runtime/session.ts';
import { floatData, floatTensor } from '../../runtime/tensor.ts';

/** W + scale·up·down: float32, row-major, as W is. */
export async function mergedWeight(
  weight: Float32Array,
  { rank, down, up, scale }: ScaledFactors,
): Promise<Float32Array> {
  const [outputs, inputs] = [up.length / rank, down.length / rank];
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
      up: floatTensor(up, [outputs, rank]),
      down: floatTensor(down, [rank, inputs]),
      weight: floatTensor(weight, [outputs, inputs]),
    });
    if (!merged) throw new Error('the merging graph gave no output');
    return floatData(merged);
  } finally {
    await session.release();
  }
}
