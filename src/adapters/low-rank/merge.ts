import type { ScaledFactors } from '../../families/family.ts';
import { GraphBuilder } from '../../onnx/graph-builder.ts';
import { GraphSession } from '../../runtime/session.ts';
import { floatData, floatTensor } from '../../runtime/tensor.ts';

/** Of a weight as a matrix, and of the change in it. */
export interface MergeShape {
  readonly outputs: number;
  readonly inputs: number;
  readonly rank: number;
}

/** W + scale·up·down of many weights, with a session for each shape: the layers of a model share few. */
export class WeightMerger {
  private readonly sessions = new Map<string, Promise<GraphSession>>();
  /** How many weights of a shape are still to come; its session is released with the last. */
  private readonly left = new Map<string, number>();

  /** @param planned all that is to be merged; what comes beyond has a session of its own */
  constructor(planned: Iterable<MergeShape>) {
    for (const shape of planned) {
      const key = keyOf(shape);
      this.left.set(key, (this.left.get(key) ?? 0) + 1);
    }
  }

  /**
   * A weight with a change in it.
   *
   * @param weight float32, row-major [outputs, inputs], as is what comes back
   */
  async merge(weight: Float32Array, factors: ScaledFactors): Promise<Float32Array> {
    const { down, up, scale } = factors;
    const shape = mergeShapeOf(factors);
    const { outputs, inputs, rank } = shape;
    const session = await this.sessionFor(shape);
    try {
      const { merged } = await session.run({
        up: floatTensor(
          up.map((value) => scale * value),
          [outputs, rank],
        ),
        down: floatTensor(down, [rank, inputs]),
        weight: floatTensor(weight, [outputs, inputs]),
      });
      if (!merged) throw new Error('the merging graph gave no output');
      return floatData(merged);
    } finally {
      await this.releaseAfterLast(shape, session);
    }
  }

  private sessionFor(shape: MergeShape): Promise<GraphSession> {
    const key = keyOf(shape);
    const session = this.sessions.get(key) ?? createSession(shape);
    this.sessions.set(key, session);
    return session;
  }

  private async releaseAfterLast(shape: MergeShape, session: GraphSession): Promise<void> {
    const key = keyOf(shape);
    const left = (this.left.get(key) ?? 1) - 1;
    this.left.set(key, left);
    if (left > 0) return;
    this.left.delete(key);
    this.sessions.delete(key);
    await session.release();
  }
}

/** The shape of the weight that a change is for. */
export function mergeShapeOf({
  rank,
  up,
  down,
}: Pick<ScaledFactors, 'rank' | 'up' | 'down'>): MergeShape {
  return { outputs: up.length / rank, inputs: down.length / rank, rank };
}

function createSession({ outputs, inputs, rank }: MergeShape): Promise<GraphSession> {
  const g = new GraphBuilder('merge');
  const operands = [
    g.input('up', 'float32', [outputs, rank]),
    g.input('down', 'float32', [rank, inputs]),
    g.input('weight', 'float32', [outputs, inputs]),
  ];
  g.output('merged', g.op('Gemm', operands));
  return GraphSession.create(g.graph, { device: 'cpu' });
}

function keyOf({ outputs, inputs, rank }: MergeShape): string {
  return `${outputs}×${inputs} of rank ${rank}`;
}
