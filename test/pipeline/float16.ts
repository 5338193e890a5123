import { expect } from 'vitest';

import { adaptationOf } from '../../src/adapters/registry.ts';
import type { Device } from '../../src/runtime/device.ts';
import { readElements } from '../../src/runtime/read-back.ts';
import { TensorSet } from '../../src/runtime/tensor-set.ts';
import { floatTensor } from '../../src/runtime/tensor.ts';
import { createGenerator } from '../../src/tensor/random.ts';
import { elementCount } from '../../src/tensor/shape.ts';
import type { Precision } from '../../src/pipeline/unet-graph.ts';
import { UnetSession } from '../../src/pipeline/unet-session.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { openReferenceUnet } from '../helpers/reference-checkpoint.ts';

interface LossAndGradient {
  readonly loss: number;
  /** Of all parameters, in one row. */
  readonly gradient: Float32Array;
}

interface Asked {
  /** Of the target: one result each. */
  readonly sizes: readonly number[];
  readonly basePrecision: 'stored' | 'int8';
}

/** What a small UNet makes of a low-rank change, once for each size of the target. */
export async function lossesAndGradients(
  device: Device,
  precision: Precision,
  { sizes, basePrecision }: Asked,
): Promise<LossAndGradient[]> {
  const checkpoint = await openReferenceUnet('unet-tiny');
  const names = [...checkpoint.file.tensors.keys()].filter((name) => /attn.*weight$/.test(name));
  const adapter = {
    kind: 'lora',
    rank: 4,
    convRank: 0,
    basePrecision,
    alpha: 4,
  } as const;
  const adaptation = adaptationOf(checkpoint, names, {
    adapter,
    seed: 0,
    folder: makeTemporaryFolder(),
  });
  await adaptation.base?.make();
  const shape = { batch: 1, latentHeight: 16, latentWidth: 16, contextTokens: 77 };
  const run = { shape, adaptation, device, threads: 1, precision };
  const unet = await UnetSession.create(checkpoint, run);
  const generator = createGenerator(7);
  const parameters = new TensorSet();
  for (const { name, shape: own } of adaptation.parameters) {
    const values = generator.randn(elementCount(own)).map((value) => 0.05 * value);
    parameters.put(name, floatTensor(values, own));
  }
  const latents = elementCount(unet.latentShape);
  const rows = {
    noisyLatents: generator.randn(latents),
    timesteps: [400],
    prompts: [{ context: generator.randn(77 * 64), pooled: null }],
  };
  const far = generator.randn(latents);
  const results: LossAndGradient[] = [];
  for (const size of sizes) {
    const target = unet.target(far.map((value) => size * value));
    const into = new TensorSet();
    const loss = await unet.gradient(parameters, rows, { target, into });
    const parts: number[] = [];
    for (const [, tensor] of into.entries()) parts.push(...(await readElements(tensor)));
    results.push({ loss, gradient: Float32Array.from(parts) });
  }
  await unet.release();
  return results;
}

/** How far two gradients are apart, by the length of the first. */
export function distance(expected: Float32Array, actual: Float32Array): number {
  expect(actual).toHaveLength(expected.length);
  const norm = (values: Float32Array) => Math.hypot(...values);
  return norm(expected.map((value, i) => value - actual[i]!)) / norm(expected);
}
