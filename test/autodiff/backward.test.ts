import { describe, expect, test } from 'vitest';
import { gradients } from '../../src/autodiff/backward.ts';
import { GraphBuilder, type Recomputation } from '../../src/onnx/graph-builder.ts';
import type { Node, Value } from '../../src/onnx/graph.ts';
import { createGenerator } from '../../src/tensor/random.ts';
import { runGraph } from '../helpers/run-graph.ts';

const sumOf = (g: GraphBuilder, x: Value) =>
  g.reduceSum(
    x,
    x.shape.map((_, axis) => axis),
    false,
  );

/** The nodes that differentiating emits. */
function emittedBy(g: GraphBuilder, differentiate: () => unknown): Node[] {
  const before = g.graph.nodes.length;
  differentiate();
  return g.graph.nodes.slice(before);
}

describe('what is differentiated', () => {
  test('a value used several times gets the sum of all its cotangents', async () => {
    const g = new GraphBuilder('test');
    const x = g.input('x', 'float32', [2]);
    const loss = sumOf(g, g.add(g.mul(x, x), g.add(x, x)));
    g.output('gradient', gradients(g, loss, [x])[0]!);
    // d(x² + 2x)/dx = 2x + 2
    expect(await runGraph(g.graph, { x: [3, -4] })).toEqual({ gradient: [8, -6] });
  });

  test('parameters listed twice and in any order each get their gradient', async () => {
    const g = new GraphBuilder('test');
    const x = g.input('x', 'float32', [1]);
    const y = g.input('y', 'float32', [1]);
    const found = gradients(g, sumOf(g, g.mul(x, y)), [y, x, y]);
    found.forEach((gradient, i) => {
      g.output(`gradient${i}`, gradient);
    });
    expect(await runGraph(g.graph, { x: [2], y: [5] })).toEqual({
      gradient0: [2],
      gradient1: [5],
      gradient2: [2],
    });
  });

  test('an input and a value computed from it can both be asked for', async () => {
    const g = new GraphBuilder('test');
    const x = g.input('x', 'float32', [1]);
    const square = g.mul(x, x);
    const [forX, forSquare] = gradients(g, sumOf(g, g.mul(square, square)), [x, square]);
    g.output('x gradient', forX!);
    g.output('square gradient', forSquare!);
    // d(x⁴)/dx = 4x³ and d(s²)/ds = 2s with s = x²
    const results = await runGraph(g.graph, { x: [3] });
    expect(results).toEqual({ 'x gradient': [108], 'square gradient': [18] });
  });

  test('the loss itself has gradient one', async () => {
    const g = new GraphBuilder('test');
    const loss = g.op('Exp', [g.input('x', 'float32', [])]);
    g.output('gradient', gradients(g, loss, [loss])[0]!);
    expect(await runGraph(g.graph, { x: [3] })).toEqual({ gradient: [1] });
  });

  test('gradients can be differentiated again', async () => {
    const g = new GraphBuilder('test');
    const x = g.input('x', 'float32', [1]);
    const [first] = gradients(g, sumOf(g, g.mul(x, g.mul(x, x))), [x]);
    const [second] = gradients(g, sumOf(g, first!), [x]);
    g.output('curvature', second!);
    expect(await runGraph(g.graph, { x: [5] })).toEqual({ curvature: [30] });
  });

  test('nothing below the first trained parameter is differentiated', () => {
    const emittedFor = (layers: number, trained: number) => {
      const g = new GraphBuilder('test');
      let x = g.input('x', 'float32', [2, 2]);
      const weights = Array.from({ length: layers }, (_, i) => {
        const weight = g.input(`weight${i}`, 'float32', [2, 2]);
        x = g.op('Tanh', [g.matMul(x, weight)]);
        return weight;
      });
      const loss = sumOf(g, x);
      return emittedBy(g, () => gradients(g, loss, [weights[trained]!])).map((node) => node.opType);
    };
    expect(emittedFor(5, 4)).toEqual(emittedFor(1, 0));
    expect(emittedFor(5, 3)).toEqual(emittedFor(2, 0));
  });

  test('operators without a rule may stand below the first trained parameter', () => {
    const g = new GraphBuilder('test');
    const [x, y] = [g.input('x', 'float32', [2]), g.input('y', 'float32', [2])];
    const larger = g.op('Max', [x, y]);
    const loss = sumOf(g, g.mul(larger, y));
    expect(gradients(g, loss, [larger])[0]!.shape).toEqual([2]);
  });

  test('nodes that the loss does not need are not differentiated', () => {
    const g = new GraphBuilder('test');
    const x = g.input('x', 'float32', [2]);
    const loss = sumOf(g, g.mul(x, x));
    g.op('Max', [x, x]);
    expect(gradients(g, loss, [x])).toHaveLength(1);
  });
});

describe('what is refused', () => {
  const refusal = (code: string, ...words: string[]) =>
    expect.objectContaining({
      code,
      message: expect.stringMatching(new RegExp(words.join('.*'))) as string,
    }) as Error;

  test('a parameter that the loss does not depend on, by name', () => {
    const g = new GraphBuilder('test');
    const x = g.input('x', 'float32', [2]);
    const unused = g.input('unused.weight', 'float32', [2]);
    const loss = sumOf(g, x);
    expect(() => gradients(g, loss, [x, unused])).toThrow(
      refusal('graph.no-gradient', 'does not depend on unused.weight'),
    );
  });

  test('an operator without a rule, by its name and its node', () => {
    const g = new GraphBuilder('test');
    const x = g.input('x', 'float32', [2]);
    const clipped = g.scope('block', () => g.op('Max', [x, x]));
    expect(() => gradients(g, sumOf(g, clipped), [x])).toThrow(
      refusal('graph.no-gradient', 'Max', 'block/max'),
    );
  });

  test('an operand that the rule does not differentiate, by its position', () => {
    const g = new GraphBuilder('test');
    const p = g.input('p', 'float32', []);
    const power = g.op('Pow', [g.input('x', 'float32', [2]), p]);
    expect(() => gradients(g, sumOf(g, power), [p])).toThrow(
      refusal('graph.no-gradient', 'Pow', 'input 1'),
    );
  });

  test('the statistics of a LayerNormalization', () => {
    const g = new GraphBuilder('test');
    const x = g.input('x', 'float32', [2, 3]);
    const [, mean] = g.ops('LayerNormalization', [x, g.constant([1, 1, 1], [3], 'float32')], {}, 2);
    expect(() => gradients(g, sumOf(g, mean!), [x])).toThrow(
      refusal('graph.no-gradient', 'LayerNormalization', 'input 0'),
    );
  });

  test('a branch of an If that reads a trained value', () => {
    const g = new GraphBuilder('test');
    const x = g.input('x', 'float32', [2]);
    const branch = (name: string) => {
      const builder = g.subgraph(name);
      builder.output(`${name} result`, builder.mul(x, x));
      return builder.graph;
    };
    const condition = g.input('condition', 'bool', []);
    const [chosen] = g.choose(condition, { then: branch('then'), else: branch('else') });
    expect(() => gradients(g, sumOf(g, chosen!), [x])).toThrow(refusal('graph.no-gradient', 'If'));
  });

  test('a loss that is no scalar', () => {
    const g = new GraphBuilder('test');
    const x = g.input('x', 'float32', [2, 3]);
    expect(() => gradients(g, x, [x])).toThrow(refusal('graph.invalid', 'no scalar', '2,3'));
  });
});

describe('recomputed segments', () => {
  /** Two attention-like layers; returns the gradients of both weights and what was emitted. */
  function build(isRecomputed: boolean) {
    const g = new GraphBuilder('test');
    let x = g.input('x', 'float32', [3, 3]);
    const weights = ['query', 'key'].map((name) => g.input(name, 'float32', [3, 3]));
    const outputsOfSegments: Value[] = [];
    for (const weight of weights) {
      const layer = () => {
        const weighted = g.matMul(x, weight);
        const probabilities = g.op('Softmax', [g.mul(weighted, weighted)]);
        return g.matMul(probabilities, g.op('Tanh', [weighted]));
      };
      x = isRecomputed ? g.recomputed('attention', layer) : layer();
      outputsOfSegments.push(x);
    }
    const loss = sumOf(g, g.mul(x, x));
    const forward = [...g.graph.nodes];
    const emitted = emittedBy(g, () => {
      gradients(g, loss, weights).forEach((gradient, i) => {
        g.output(`gradient${i}`, gradient);
      });
    });
    return { g, forward, emitted, outputsOfSegments };
  }

  test('give the gradients of stored ones, to the bit', async () => {
    const random = createGenerator(7);
    const inputs = Object.fromEntries(
      ['x', 'query', 'key'].map((name) => [name, [...random.randn(9)]]),
    );
    const stored = await runGraph(build(false).g.graph, inputs);
    expect(await runGraph(build(true).g.graph, inputs)).toEqual(stored);
  });

  test('keep nothing of their inside for the backward pass', () => {
    const { forward, emitted, outputsOfSegments } = build(true);
    const inside = new Set(
      forward
        .filter((node) => node.segment)
        .flatMap((node) => node.outputs)
        .filter((value) => !outputsOfSegments.includes(value)),
    );
    expect(inside.size).toBeGreaterThan(0);
    const kept = emitted
      .flatMap((node) => node.inputs)
      .filter((value) => value && inside.has(value));
    expect(kept).toEqual([]);
  });

  test('are emitted again once, and only what a rule needs', () => {
    const { forward, emitted } = build(true);
    const count = (nodes: Node[], opType: string) =>
      nodes.filter((node) => node.opType === opType).length;
    const again = emitted.filter((node) => node.name.endsWith('/again'));
    for (const opType of ['Softmax', 'Tanh']) {
      expect(count(again, opType), opType).toBe(count(forward, opType));
    }
    // The last product of a layer is its result: its own rule needs its operands only.
    const names = new Set(again.map((node) => node.name));
    expect(names.size).toBe(again.length);
    expect(count(again, 'MatMul')).toBe(2);
  });

  test('leave what is emitted for the backward pass in no segment', () => {
    expect(build(true).emitted.filter((node) => node.segment)).toEqual([]);
  });
});

describe('recomputed blocks', () => {
  /** Three blocks with a part each; `recomputes` says which are computed again. */
  function build(recomputes: Recomputation) {
    const g = new GraphBuilder('test', { recomputes });
    let x = g.input('x', 'float32', [3, 3]);
    const weights = ['a', 'b', 'c'].map((name) => g.input(name, 'float32', [3, 3]));
    const states: Value[] = [x];
    for (const weight of weights) {
      x = g.recomputedBlock('block', () => {
        const weighted = g.op('Tanh', [g.matMul(x, weight)]);
        const attended = g.recomputed('part', () =>
          g.matMul(g.op('Softmax', [g.mul(weighted, weighted)]), weighted),
        );
        return g.add(g.op('Sigmoid', [attended]), x);
      });
      states.push(x);
    }
    const loss = sumOf(g, g.mul(x, x));
    const forward = [...g.graph.nodes];
    const emitted = emittedBy(g, () => {
      gradients(g, loss, weights).forEach((gradient, i) => {
        g.output(`gradient${i}`, gradient);
      });
    });
    return { g, forward, emitted, states };
  }
  const again = (nodes: readonly Node[], opType: string) =>
    nodes.filter((node) => node.opType === opType && node.name.includes('/again'));

  test('give the gradients of stored ones, to the bit', async () => {
    const random = createGenerator(7);
    const inputs = Object.fromEntries(
      ['x', 'a', 'b', 'c'].map((name) => [name, [...random.randn(9)]]),
    );
    const stored = await runGraph(build('nothing').g.graph, inputs);
    expect(await runGraph(build('parts').g.graph, inputs)).toEqual(stored);
    expect(await runGraph(build('blocks').g.graph, inputs)).toEqual(stored);
  });

  test('keep their inputs alone', () => {
    const { forward, emitted, states } = build('blocks');
    const made = new Set(forward.filter(({ segment }) => segment).flatMap((node) => node.outputs));
    const kept = emitted.flatMap(({ inputs }) =>
      inputs.filter((value) => value && made.has(value)),
    );
    expect(new Set(kept)).toEqual(new Set(states.slice(1)));
  });

  test('have their parts computed again for themselves, from what the block has again', () => {
    const { forward, emitted } = build('blocks');
    // Forward, once more to reach what follows the part, and once more for the part's own gradient.
    expect(forward.filter(({ opType }) => opType === 'Softmax')).toHaveLength(3);
    expect(again(emitted, 'Softmax')).toHaveLength(6);
    expect(again(emitted, 'Tanh')).toHaveLength(3);
    const insideParts = again(emitted, 'Softmax').slice(0, 2);
    expect(insideParts[0]!.inputs).not.toEqual(insideParts[1]!.inputs);
  });

  test('are none where parts alone are computed again', () => {
    const { emitted } = build('parts');
    expect(again(emitted, 'Softmax')).toHaveLength(3);
    expect(again(emitted, 'Tanh')).toEqual([]);
  });
});
