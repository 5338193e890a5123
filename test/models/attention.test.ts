import { describe, expect, it } from 'vitest';
import { gradients } from '../../src/autodiff/backward.ts';
import { attention } from '../../src/models/blocks/attention.ts';
import { GraphBuilder } from '../../src/onnx/graph-builder.ts';
import { elementCount, type Shape } from '../../src/tensor/shape.ts';
import { GraphSession } from '../../src/runtime/session.ts';
import { floatData, floatTensor } from '../../src/runtime/tensor.ts';
import { createGenerator } from '../../src/tensor/random.ts';
import { maxDifference } from '../helpers/max-difference.ts';

const [batch, heads, queryCount, keyCount, depth] = [2, 3, 5, 7, 4];
const scoreBytes = 4 * batch * heads * queryCount * keyCount;

/** Attention of random operands, and its gradients, with at most `limitBytes` of scores at a time. */
async function attend(limitBytes: number) {
  const g = new GraphBuilder('attention');
  const input = (name: string, shape: Shape) => g.input(name, 'float32', shape);
  const operands = {
    queries: input('queries', [batch, queryCount, heads * depth]),
    keys: input('keys', [batch, keyCount, heads * depth]),
    values: input('values', [batch, keyCount, heads * depth]),
    mask: input('mask', [queryCount, keyCount]),
  };
  const mixed = attention(g, { ...operands, heads }, limitBytes);
  const loss = g.reduceSum(g.mul(mixed, mixed), [0, 1, 2], false);
  const names = Object.keys(operands);
  gradients(g, loss, Object.values(operands)).forEach((grad, i) => {
    g.output(`grad.${names[i]!}`, grad);
  });
  g.output('mixed', mixed);
  const softmaxes = g.graph.nodes.filter(({ opType }) => opType === 'Softmax');
  const largest = Math.max(...softmaxes.map(({ outputs }) => elementCount(outputs[0]!.shape)));
  const generator = createGenerator(1);
  const feeds = g.graph.inputs.map(({ name, shape }) => {
    return [name, floatTensor(generator.randn(elementCount(shape)), shape)] as const;
  });
  const session = await GraphSession.create(g.graph, { device: 'cpu', threads: 1 });
  const results = await session.run(Object.fromEntries(feeds));
  await session.release();
  return { results, largestBytes: 4 * largest, count: softmaxes.length };
}

describe('attention', () => {
  it.each([
    ['batch items', scoreBytes / batch],
    ['heads', scoreBytes / (batch * heads)],
    ['queries', 2 * 4 * keyCount],
  ])(
    'in parts of %s gives the same, and the same gradients, in bounded memory',
    async (_, limit) => {
      const whole = await attend(scoreBytes);
      const parts = await attend(limit);
      // One softmax forward and one again in the backward pass.
      expect(whole.count).toBe(2);
      expect(parts.count).toBeGreaterThan(2);
      expect(parts.largestBytes).toBeLessThanOrEqual(limit);
      for (const [name, tensor] of Object.entries(whole.results)) {
        expect(maxDifference(floatData(parts.results[name]!), floatData(tensor))).toBeLessThan(
          1e-5,
        );
      }
    },
  );
});
