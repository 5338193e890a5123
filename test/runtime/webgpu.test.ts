import { Tensor } from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { gradients } from '../../src/autodiff/backward.ts';
import { castAtUse } from '../../src/onnx/cast-at-use.ts';
import { attention } from '../../src/models/blocks/attention.ts';
import { GraphBuilder, type Recomputation } from '../../src/onnx/graph-builder.ts';
import type { Graph, Value } from '../../src/onnx/graph.ts';
import { probeLargestBuffer } from '../../src/runtime/probe-buffer.ts';
import { takeElements } from '../../src/runtime/read-back.ts';
import { GraphSession, type Device, type Feeds } from '../../src/runtime/session.ts';
import { keepsStoredWeights } from '../../src/runtime/stored-weights.ts';
import { boolTensor, releaseTensor, scalarData } from '../../src/runtime/tensor.ts';
import { createGenerator } from '../../src/tensor/random.ts';
import { maxDifference } from '../helpers/max-difference.ts';
import { vjpCases, type VjpCase } from '../helpers/vjp-cases.ts';
import { buildVjpGraph, drawOperand, numbersOf, tensorFor } from '../helpers/vjp-graph.ts';
import { describeOnWebgpu } from '../helpers/webgpu.ts';

/** Forms with types that WebGPU has no operators for. */
const notOnWebgpu = ['to float64 and back', 'whole exponents of another type'];

/** WGSL asks only 2^-11 of sin and cos; SwiftShader is off by 2e-4. */
const barFor = (opType: string) => (opType === 'Sin' || opType === 'Cos' ? 5e-4 : 1e-5);

describeOnWebgpu('gradients on WebGPU are those on the CPU, without falling back to it', () => {
  test.each(Object.entries(vjpCases))('%s', async (opType, cases) => {
    const { graph, feeds } = buildTogether(cases.filter(({ form }) => !notOnWebgpu.includes(form)));
    const expected = await runOn('cpu', graph, feeds);
    const actual = await runOn('webgpu', graph, feeds);
    for (const [name, numbers] of Object.entries(expected)) {
      const largest = Math.max(...numbers.map(Math.abs));
      expect(maxDifference(actual[name]!, numbers), name).toBeLessThanOrEqual(
        barFor(opType) * largest,
      );
    }
  });
});

describeOnWebgpu('weights in device memory', () => {
  test('take gradient steps there and end where they end on the CPU', async () => {
    const onCpu = await descend('cpu');
    const onWebgpu = await descend('webgpu');
    expect(onWebgpu.losses.at(-1)).toBeLessThan(0.8 * onWebgpu.losses[0]!);
    expect(maxDifference(onWebgpu.losses, onCpu.losses)).toBeLessThan(1e-5);
    for (const [name, weight] of Object.entries(onCpu.weights)) {
      expect(maxDifference(onWebgpu.weights[name]!, weight), name).toBeLessThan(1e-5);
    }
  });

  test('are read by the branch of an If that its condition on the host chooses', async () => {
    const g = new GraphBuilder('choice');
    const condition = g.input('condition', 'bool', []);
    const x = g.input('x', 'float32', [2]);
    const factor = g.constant([10, 100], [2], 'float32');
    const branch = (name: string, opType: string) => {
      const builder = g.subgraph(name);
      builder.output(`${name} result`, builder.op(opType, [x, factor]));
      return builder.graph;
    };
    const branches = { then: branch('then', 'Mul'), else: branch('else', 'Add') };
    g.output('y', g.choose(condition, branches)[0]!);
    const session = await GraphSession.create(g.graph, {
      device: 'webgpu',
      residentOutputs: ['y'],
    });
    const first = (await session.run({ condition: boolTensor(true), x: tensorFor(x, [1, 2]) })).y!;
    const second = (await session.run({ condition: boolTensor(false), x: first })).y!;
    expect(second.location).toBe('gpu-buffer');
    // 1·10 + 10 and 2·100 + 100
    expect([...(await takeElements(second))]).toEqual([20, 300]);
    releaseTensor(first);
    await session.release();
  });
});

describeOnWebgpu('weights stored as float16', () => {
  test('stay so where shaders know it, and give what they give on the CPU', async () => {
    const build = () => {
      const g = new GraphBuilder('float16');
      const x = g.input('x', 'float32', [2, 3]);
      const stored = g.constant([1, -2, 0.5, 4, 0.25, -1, 3, 8, -0.125], [3, 3], 'float16');
      const weight = g.cast(stored, 'float32');
      const y = g.matMul(g.op('Tanh', [g.matMul(x, weight)]), weight);
      const loss = g.reduceMean(g.mul(y, y), [0, 1], false);
      g.output('gradient', gradients(g, loss, [x])[0]!);
      return g.graph;
    };
    const [expected, actual] = [build(), build()];
    const keeps = await keepsStoredWeights(actual, { device: 'webgpu' });
    // SwiftShader knows no 16-bit floats, Mesa's driver does; of a real GPU nothing is known here.
    const driver = process.env.VK_ICD_FILENAMES;
    if (driver) expect(keeps).toBe(!driver.includes('swiftshader'));
    if (keeps) castAtUse(actual);
    const x = new Tensor('float32', Float32Array.of(0.1, -0.3, 0.2, 0.5, 0.4, -0.6), [2, 3]);
    const onCpu = await runOn('cpu', expected, { x });
    const onWebgpu = await runOn('webgpu', actual, { x }, keeps);
    expect(maxDifference(onWebgpu.gradient!, onCpu.gradient!)).toBeLessThan(1e-4);
  });
});

describeOnWebgpu('a graph that spares memory', () => {
  test('gives the gradients that it gives on the CPU, and those of one that does not', async () => {
    const [tokens, width] = [6, 4];
    const generator = createGenerator(5);
    const numbers = (count: number) => [...generator.randn(count)];
    const given = { x: numbers(2 * tokens * width), gains: [numbers(width), numbers(width)] };
    const stored = [0, 1].map(() => ({
      values: numbers(width * width).map((value) => Math.round(40 * value)),
      scales: numbers(width).map((value) => 0.01 * (1 + Math.abs(value))),
    }));
    /** Two blocks of attention in parts between weights in 8 bits, each with a trained gain. */
    const build = (recomputes: Recomputation) => {
      const g = new GraphBuilder('spared', { recomputes });
      let x = g.rows('x', 'float32', [2 * tokens, width]);
      const gains = [0, 1].map((i) => g.input(`gain${i}`, 'float32', [width]));
      gains.forEach((gain, i) => {
        const { values, scales } = stored[i]!;
        const weight = g.op(
          'DequantizeLinear',
          [
            g.constant(values, [width, width], 'int8'),
            g.constant(scales.map(Math.fround), [width], 'float32'),
          ],
          { axis: 0 },
        );
        const linear = (input: Value) => g.op('Gemm', [input, weight], { transB: 1 });
        x = g.recomputedBlock(`block${i}`, () => {
          const rows = g.recomputed('in', () => linear(g.mul(x, gain)));
          const states = g.reshape(rows, [2, tokens, width]);
          const operands = { queries: states, keys: states, values: states, heads: 2 };
          const mixed = attention(g, operands, 4 * 2 * tokens);
          return g.add(linear(g.reshape(mixed, [2 * tokens, width])), x);
        });
      });
      const loss = g.reduceMean(g.mul(x, x), [0, 1], false);
      gradients(g, loss, gains).forEach((gradient, i) => {
        g.output(`gradient${i}`, gradient);
      });
      return g.graph;
    };
    const feeds = {
      x: new Tensor('float32', Float32Array.from(given.x), [2 * tokens, width]),
      ...Object.fromEntries(
        given.gains.map((gain, i) => [
          `gain${i}`,
          new Tensor('float32', Float32Array.from(gain), [width]),
        ]),
      ),
    };
    const expected = await runOn('cpu', build('nothing'), feeds);
    const spared = build('blocks');
    castAtUse(spared);
    for (const device of ['cpu', 'webgpu'] as const) {
      const found = await runOn(device, spared, feeds, true);
      for (const [name, gradient] of Object.entries(expected)) {
        const largest = Math.max(...gradient.map(Math.abs));
        expect(maxDifference(found[name]!, gradient), `${device} ${name}`).toBeLessThan(
          1e-5 * largest,
        );
      }
    }
  });
});

describeOnWebgpu('the guard', () => {
  test('refuses a graph with a node that would run on the CPU', async () => {
    const g = new GraphBuilder('sign');
    g.output('y', g.op('Sign', [g.input('x', 'float32', [2])]));
    await expect(GraphSession.create(g.graph, { device: 'webgpu' })).rejects.toMatchObject({
      code: 'device.unavailable',
      message: expect.stringContaining('"sign"') as string,
    });
  });
});

/** A convolution and a linear layer with their gradient step: weights in, weights out. */
function buildDescent() {
  const g = new GraphBuilder('descent');
  const images = g.input('images', 'float32', [4, 1, 6, 6]);
  const targets = g.input('targets', 'float32', [4, 2]);
  const weights = [
    g.input('conv', 'float32', [3, 1, 3, 3]),
    g.input('conv bias', 'float32', [3]),
    g.input('linear', 'float32', [27, 2]),
    g.input('linear bias', 'float32', [2]),
  ] as const;
  const [conv, convBias, linear, linearBias] = weights;
  const attributes = { pads: [1, 1, 1, 1], strides: [2, 2] };
  const hidden = g.op('Tanh', [g.op('Conv', [images, conv, convBias], attributes)]);
  const predicted = g.op('Gemm', [g.reshape(hidden, [4, 27]), linear, linearBias]);
  const error = g.sub(predicted, targets);
  const loss = g.reduceMean(g.mul(error, error), [0, 1], false);
  const rate = g.scalar(0.1, loss);
  gradients(g, loss, weights).forEach((gradient, i) => {
    g.output(`new ${weights[i]!.name}`, g.sub(weights[i]!, g.mul(rate, gradient)));
  });
  g.output('loss', loss);
  return { graph: g.graph, data: [images, targets], weights };
}

/** Three steps; on WebGPU the weights stay in device memory from the first one on. */
async function descend(device: Device) {
  const { graph, data, weights } = buildDescent();
  const generator = createGenerator(11);
  const draw = (value: Value) =>
    tensorFor(value, drawOperand(generator, { shape: value.shape, range: 'any' }));
  const feeds = Object.fromEntries([...data, ...weights].map((value) => [value.name, draw(value)]));
  const residentOutputs =
    device === 'webgpu' ? { residentOutputs: weights.map(({ name }) => `new ${name}`) } : {};
  const session = await GraphSession.create(graph, { device, threads: 1, ...residentOutputs });
  const losses: number[] = [];
  for (let step = 0; step < 3; step++) {
    const outputs = await session.run(feeds);
    losses.push(scalarData(outputs.loss!));
    for (const { name } of weights) {
      releaseTensor(feeds[name]);
      feeds[name] = outputs[`new ${name}`]!;
      expect(feeds[name].location).toBe(device === 'webgpu' ? 'gpu-buffer' : 'cpu');
    }
  }
  const final: Record<string, Float32Array> = {};
  for (const { name } of weights) final[name] = await takeElements(feeds[name]!);
  await session.release();
  return { losses, weights: final };
}

/** All cases in one graph, since a session costs more than their nodes. */
function buildTogether(cases: readonly VjpCase[]) {
  const g = new GraphBuilder('cases');
  const generator = createGenerator(3);
  const feeds: Record<string, Tensor> = {};
  for (const vjpCase of cases) {
    const built = buildVjpGraph(g, vjpCase, 'float32');
    vjpCase.operands.forEach((operand, i) => {
      const x = built.operands[i]!;
      feeds[x.name] = tensorFor(x, drawOperand(generator, operand));
    });
    for (const ct of built.cotangents) {
      feeds[ct.name] = tensorFor(ct, drawOperand(generator, { shape: ct.shape, range: 'any' }));
    }
    [...built.results, ...built.gradients].forEach((value, i) => {
      g.output(`${vjpCase.form} ${i}`, value);
    });
  }
  return { graph: g.graph, feeds };
}

async function runOn(device: Device, graph: Graph, feeds: Feeds, keepsStored = false) {
  const settings = { device, threads: 1, keepsStoredWeights: keepsStored };
  const session = await GraphSession.create(graph, settings);
  try {
    const outputs = await session.run(feeds);
    return Object.fromEntries(
      Object.entries(outputs).map(([name, tensor]) => [name, numbersOf(tensor)]),
    );
  } finally {
    await session.release();
  }
}

describeOnWebgpu('the largest buffer', () => {
  test('is found by filling one in a process of its own', async () => {
    expect(await probeLargestBuffer('webgpu')).toBeGreaterThanOrEqual(2 ** 28);
  });
});
