import { describe, expect, it } from 'vitest';
import { innerProductsOnHost, updateOnHost } from '../../src/optim/host-update.ts';
import { buildInnerProductsGraph } from '../../src/optim/inner-products-graph.ts';
import { buildUpdateGraph } from '../../src/optim/update-graph.ts';
import { momentNames, type OptimizerSettings, stepScalars } from '../../src/optim/update-rule.ts';
import { createGenerator } from '../../src/tensor/random.ts';
import { readGoldenHeader, readGoldenTensors } from '../helpers/golden-tensors.ts';
import { maxDifference } from '../helpers/max-difference.ts';
import { relativeError } from '../helpers/relative-error.ts';
import { runGraph } from '../helpers/run-graph.ts';

/**
 * What torch.optim 2.13 made of four parameters in five steps; its defaults where not named. The
 * file's values after steps 1 to 4 are those after step 5 (the tensors were not copied when they
 * were recorded), so only the end of the way is compared.
 */
const golden = readGoldenTensors('adam.safetensors');
const shapes = readGoldenHeader('adam.safetensors');
const parameters = ['a', 'b', 'c', 'd'];
const steps = 5;
const adamDefaults = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 };

interface Variant {
  readonly settings: OptimizerSettings;
  readonly learningRate: number;
  /** PyTorch's names of the moments, if it kept them in the file. */
  readonly moments?: readonly string[];
}
const adamMoments = ['exp_avg', 'exp_avg_sq'];
const variants: Readonly<Record<string, Variant>> = {
  adam: {
    settings: { kind: 'adam', ...adamDefaults },
    learningRate: 1e-3,
    moments: adamMoments,
  },
  adam_wd: {
    settings: { kind: 'adam', ...adamDefaults, weightDecay: 0.1 },
    learningRate: 1e-3,
    moments: adamMoments,
  },
  adamw: {
    settings: { kind: 'adamw', ...adamDefaults, weightDecay: 0.01 },
    learningRate: 1e-3,
    moments: adamMoments,
  },
  adamw_betas: {
    settings: { kind: 'adamw', beta1: 0.5, beta2: 0.9, epsilon: 1e-4, weightDecay: 0.2 },
    learningRate: 3e-4,
    moments: adamMoments,
  },
  sgd: { settings: { kind: 'sgd', momentum: 0, weightDecay: 0 }, learningRate: 0.01 },
  sgd_momentum: {
    settings: { kind: 'sgd', momentum: 0.9, weightDecay: 0.001 },
    learningRate: 0.01,
  },
};

interface State {
  readonly parameter: Float32Array;
  readonly moments: readonly Float32Array[];
}

/** The gradient as the sum that an outer step of two terms makes of it. */
function inTwoTerms(gradient: Float32Array) {
  const second = gradient.map((g, i) => (i % 2 === 0 ? 4 * g : -2 * g));
  const first = gradient.map((g, i) => g - 0.25 * second[i]!);
  return [
    { weight: 1, gradient: first },
    { weight: 0.25, gradient: second },
  ];
}

type Update = (
  variant: Variant,
  state: State,
  at: { gradient: Float32Array; step: number; name: string },
) => State | Promise<State>;

const onHost: Update = ({ settings, learningRate }, { parameter, moments }, { gradient, step }) => {
  const next = new Float32Array(parameter.length);
  const changed = moments.map((moment) => moment.slice());
  updateOnHost(settings, {
    parameter,
    next,
    terms: inTwoTerms(gradient),
    moments: changed,
    learningRate,
    ...stepScalars(settings, learningRate, step),
  });
  return { parameter: next, moments: changed };
};

const asGraph: Update = async (
  { settings, learningRate },
  { parameter, moments },
  { gradient, step, name },
) => {
  const { shape } = shapes[`init.${name}`]!;
  const graph = buildUpdateGraph([{ name, shape }], settings, { terms: 2 });
  const terms = inTwoTerms(gradient);
  const { rate, squareCorrection } = stepScalars(settings, learningRate, step);
  const names = momentNames(settings);
  const result = await runGraph(graph, {
    learningRate: [learningRate],
    rate: [rate],
    squareCorrection: [squareCorrection],
    ...Object.fromEntries(terms.map(({ weight }, i) => [`weight${i}`, [weight]])),
    ...Object.fromEntries(terms.map((term, i) => [`gradient${i}:${name}`, [...term.gradient]])),
    ...Object.fromEntries(names.map((moment, i) => [`${moment}:${name}`, [...moments[i]!]])),
    [`parameter:${name}`]: [...parameter],
  });
  const read = (part: string) => Float32Array.from(result[`next-${part}:${name}`]!);
  return { parameter: read('parameter'), moments: names.map(read) };
};

describe.each([
  ['in host memory', onHost],
  ['as a graph', asGraph],
])('A step %s', (_, update) => {
  it.each(Object.entries(variants))('goes where PyTorch goes: %s', async (key, variant) => {
    for (const name of parameters) {
      const start = Float32Array.from(golden(`init.${name}`));
      const zeros = () => new Float32Array(start.length);
      let state: State = { parameter: start, moments: momentNames(variant.settings).map(zeros) };
      for (let i = 0; i < steps; i++) {
        const gradient = Float32Array.from(golden(`grad.${i}.${name}`));
        state = await update(variant, state, { gradient, step: i + 1, name });
      }
      const expected = golden(`${key}.4.${name}`);
      expect(maxDifference(state.parameter, expected), name).toBeLessThan(5e-7);
      variant.moments?.forEach((moment, i) => {
        const expected = Float32Array.from(golden(`${key}.state.${moment}.${name}`));
        const error = relativeError(state.moments[i]!, expected, 1);
        expect(error, `${moment} of ${name}`).toBeLessThan(5e-7);
      });
      // The bar is far below what five steps do.
      expect(maxDifference(state.parameter, start)).toBeGreaterThan(1e-4);
    }
  });
});

describe('Inner products', () => {
  const generator = createGenerator(5);
  const shapesOfTwo = { x: [3, 5], y: [] as number[] };
  const draw = () => ({ x: generator.randn(15), y: generator.randn(1) });
  const [first, second] = [draw(), draw()];
  const names = ['x', 'y'] as const;
  const exact = (a: Float32Array, b: Float32Array) =>
    a.reduce((sum, element, i) => sum + element * b[i]!, 0);

  it('are the same on the host and as a graph', async () => {
    const graph = buildInnerProductsGraph(
      names.map((name) => ({ name, shape: shapesOfTwo[name] })),
    );
    const parts = await runGraph(
      graph,
      Object.fromEntries(
        names.flatMap((name) => [
          [`gradient0:${name}`, [...first[name]]],
          [`gradient1:${name}`, [...second[name]]],
        ]),
      ),
    );
    names.forEach((name, i) => {
      const [a, b] = [first[name], second[name]];
      const expected = {
        firstSquare: exact(a, a),
        secondSquare: exact(b, b),
        product: exact(a, b),
      };
      expect(innerProductsOnHost(a, b)).toEqual(expected);
      expect(parts.square0?.[i]).toBeCloseTo(expected.firstSquare, 4);
      expect(parts.square1?.[i]).toBeCloseTo(expected.secondSquare, 4);
      expect(parts.product?.[i]).toBeCloseTo(expected.product, 4);
    });
  });
});
