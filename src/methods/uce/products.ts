import { GraphBuilder } from '../../onnx/graph-builder.ts';
import { GraphSession } from '../../runtime/session.ts';
import {
  doubleData,
  doubleTensor,
  floatData,
  floatTensor,
  type Tensor,
} from '../../runtime/tensor.ts';
import { elementCount, type Shape } from '../../tensor/shape.ts';

/** A matrix in double precision, row-major. */
export interface DoubleMatrix {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float64Array;
}

/** A matrix of zeros. */
export function zeroMatrix(rows: number, columns = rows): DoubleMatrix {
  return { rows, columns, data: new Float64Array(rows * columns) };
}

/** Products in double precision on the CPU, each kind and shape by a graph of its own. */
export class Products {
  private readonly threads: number;
  private readonly sessions = new Map<string, GraphSession>();

  constructor(threads: number) {
    this.threads = threads;
  }

  /** a·b */
  async multiply(a: DoubleMatrix, b: DoubleMatrix): Promise<DoubleMatrix> {
    const shapes = [a.rows, a.columns, b.columns];
    const session = await this.session('multiply', shapes, (g) => {
      const left = g.input('a', 'float64', [a.rows, a.columns]);
      g.output('product', g.matMul(left, g.input('b', 'float64', [b.rows, b.columns])));
    });
    const { product } = await session.run({ a: tensorOf(a), b: tensorOf(b) });
    return { rows: a.rows, columns: b.columns, data: doubleData(required(product)) };
  }

  /**
   * moment + s·Σ c cᵀ and cross + s·Σ (g − c) cᵀ over n pairs of states c and g.
   *
   * @param from c: float32 [n, D]
   * @param to g: float32 [n, D]
   */
  async accumulate(
    { moment, cross }: { moment: DoubleMatrix; cross: DoubleMatrix },
    { from, to, scale }: { from: Float32Array; to: Float32Array; scale: number },
  ): Promise<{ moment: DoubleMatrix; cross: DoubleMatrix }> {
    const width = moment.rows;
    const states: Shape = [from.length / width, width];
    const session = await this.session('accumulate', states, (g) => {
      const read = (name: string) => g.cast(g.input(name, 'float32', states), 'float64');
      const [c, target] = [read('from'), read('to')];
      const weighed = g.mul(c, g.input('scale', 'float64', [1]));
      const add = (name: string, rows: typeof c) => {
        const sum = g.input(name, 'float64', [width, width]);
        g.output(`next-${name}`, g.add(sum, g.matMul(g.transpose(rows, [1, 0]), weighed)));
      };
      add('moment', c);
      add('cross', g.sub(target, c));
    });
    const sums = await session.run({
      from: floatTensor(from, states),
      to: floatTensor(to, states),
      scale: doubleTensor(Float64Array.of(scale), [1]),
      moment: tensorOf(moment),
      cross: tensorOf(cross),
    });
    const taken = (name: string) => ({
      ...moment,
      data: doubleData(required(sums[`next-${name}`])),
    });
    return { moment: taken('moment'), cross: taken('cross') };
  }

  /**
   * W + W·U, rounded to single precision once.
   *
   * @param weights W: float32 [rows, D]
   * @param edit U: [D, D]
   */
  async applyEdit(weights: Float32Array, shape: Shape, edit: DoubleMatrix): Promise<Float32Array> {
    const flat = [elementCount(shape) / edit.rows, edit.rows];
    const session = await this.session('apply', flat, (g) => {
      const old = g.cast(g.input('weights', 'float32', flat), 'float64');
      const change = g.matMul(old, g.input('edit', 'float64', [edit.rows, edit.columns]));
      g.output('edited', g.cast(g.add(old, change), 'float32'));
    });
    const feeds = { weights: floatTensor(weights, flat), edit: tensorOf(edit) };
    const { edited } = await session.run(feeds);
    return floatData(required(edited));
  }

  async release(): Promise<void> {
    for (const session of this.sessions.values()) await session.release();
    this.sessions.clear();
  }

  private async session(
    kind: string,
    shape: Shape,
    build: (g: GraphBuilder) => void,
  ): Promise<GraphSession> {
    const key = [kind, ...shape].join(' ');
    const known = this.sessions.get(key);
    if (known) return known;
    const g = new GraphBuilder(kind);
    build(g);
    const session = await GraphSession.create(g.graph, { device: 'cpu', threads: this.threads });
    this.sessions.set(key, session);
    return session;
  }
}

function tensorOf({ data, rows, columns }: DoubleMatrix): Tensor {
  return doubleTensor(data, [rows, columns]);
}

function required(tensor: Tensor | undefined): Tensor {
  if (!tensor) throw new RangeError('the graph gave no product');
  return tensor;
}
