import { describe, expect, it, onTestFinished } from 'vitest';
import { adaptationOf } from '../../src/adapters/registry.ts';
import { UnetSession } from '../../src/pipeline/unet-session.ts';
import { TensorSet } from '../../src/runtime/tensor-set.ts';
import { floatData, floatTensor } from '../../src/runtime/tensor.ts';
import { createGenerator } from '../../src/tensor/random.ts';
import { elementCount } from '../../src/tensor/shape.ts';
import { readGoldenJson } from '../helpers/golden-tensors.ts';
import { openReferenceUnet } from '../helpers/reference-checkpoint.ts';

interface Measured {
  readonly rank: number;
  readonly alpha: number;
  readonly layers: readonly string[];
  readonly runs: readonly {
    readonly strength: number;
    readonly loss: number;
    /** The norm of each gradient, then its first elements. */
    readonly gradients: Readonly<Record<string, readonly number[]>>;
  }[];
}

/** What peft computes, as golden/make-lora.py says. */
const golden = readGoldenJson('lora.json') as {
  readonly seed: number;
  readonly timesteps: readonly number[];
  readonly linear: Measured;
  readonly convolutions: Measured;
};

/** Where a norm of one channel a group follows, a shift of channels has no gradient but rounding. */
const roundingNorm = 1e-5;

function norm(values: Iterable<number>): number {
  let sum = 0;
  for (const value of values) sum += value ** 2;
  return Math.sqrt(sum);
}

describe('a low-rank change has the gradients of PyTorch', () => {
  it.each([
    ['linear layers', golden.linear],
    ['convolutions', golden.convolutions],
  ])('of %s, at every strength', async (_, measured) => {
    const { rank, alpha, layers, runs } = measured;
    const checkpoint = await openReferenceUnet('unet-tiny');
    const names = layers.map((layer) => `${layer}.weight`);
    const adapter = { kind: 'lora', rank, convRank: rank, basePrecision: 'stored', alpha } as const;
    const adaptation = adaptationOf(checkpoint, names, { adapter, seed: 0, folder: '' });
    const unet = await UnetSession.create(checkpoint, {
      shape: { batch: 2, latentHeight: 16, latentWidth: 16, contextTokens: 77 },
      ...{ adaptation, device: 'cpu', threads: 1 },
    });
    onTestFinished(() => unet.release());

    const generator = createGenerator(golden.seed);
    const latents = elementCount(unet.latentShape);
    const noisyLatents = generator.randn(latents);
    const context = generator.randn(2 * 77 * 64);
    const target = unet.target(generator.randn(latents));
    const shapes = new Map(adaptation.parameters.map(({ name, shape }) => [name, shape]));
    const parameters = new TensorSet();
    for (const name of Object.keys(runs[0]!.gradients)) {
      const shape = shapes.get(name)!;
      const values = generator.randn(elementCount(shape)).map((value) => 0.05 * value);
      parameters.put(name, floatTensor(values, shape));
    }
    expect(Object.keys(runs[0]!.gradients)).toHaveLength(shapes.size);

    const half = context.length / 2;
    const prompts = [context.slice(0, half), context.slice(half)].map((one) => ({
      ...{ context: one, pooled: null },
    }));
    for (const { strength, loss, gradients } of runs) {
      const rows = { noisyLatents, timesteps: golden.timesteps, prompts, strength };
      const into = new TensorSet();
      const measuredLoss = await unet.gradient(parameters, rows, { target, into });
      expect(Math.abs(measuredLoss - loss) / loss).toBeLessThan(1e-5);
      for (const [name, [expectedNorm = 0, ...first]] of Object.entries(gradients)) {
        const gradient = floatData(into.get(name));
        const error = norm(first.map((value, i) => value - gradient[i]!));
        const bar = 1e-3 * Math.max(expectedNorm, roundingNorm);
        expect(error, `${name} at ${strength}`).toBeLessThan(bar);
        expect(Math.abs(norm(gradient) - expectedNorm), name).toBeLessThan(bar);
      }
    }
  });
});
