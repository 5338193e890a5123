import { describe, expect, it, onTestFinished } from 'vitest';

import { asItIs } from '../../src/adapters/full-weights.ts';
import { openCheckpoint } from '../../src/families/checkpoint.ts';
import { softGradient, softLoss } from '../../src/pipeline/soft-prompts.ts';
import { UnetSession } from '../../src/pipeline/unet-session.ts';
import { TensorSet } from '../../src/runtime/tensor-set.ts';
import { createGenerator } from '../../src/tensor/random.ts';
import { splitRows } from '../../src/tensor/rows.ts';
import { tinySd } from '../helpers/forgetful-model.ts';
import { writeDiffusersReference } from '../helpers/diffusers-reference.ts';
import { readGoldenTensors } from '../helpers/golden-tensors.ts';
import { relativeError } from '../helpers/relative-error.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

const golden = readGoldenTensors('attack.safetensors');
const recorded = (name: string) => Float32Array.from(golden(name));
const place = { device: 'cpu', threads: 1 } as const;

// Two pictures, each with free tokens in its prompt, as make-attack.py has them.
describe('the loss of the UNet is brought back to the embeddings of free tokens as PyTorch does', () => {
  const atTheEnd = [
    { before: 'a red star', behind: '' },
    { before: '', behind: '' },
  ] as const;
  const within = [
    { before: 'a', behind: 'star' },
    { before: 'red star', behind: '' },
  ] as const;

  it.each([
    ['one', 'embedding', '', atTheEnd],
    ['two', 'pair', 'pair_', within],
  ] as const)('%s', async (_count, embeddings, prefix, places) => {
    const checkpoint = await openCheckpoint(tinySd);
    onTestFinished(() => checkpoint.close());
    const unet = await UnetSession.create(checkpoint, {
      shape: { batch: 2, latentHeight: 16, latentWidth: 16, contextTokens: 77 },
      ...{ adaptation: asItIs(checkpoint), givesContextGradient: true, ...place },
    });
    onTestFinished(() => unet.release());
    const tokens = await checkpoint.condition.openSoftTokens(place);
    onTestFinished(() => tokens.release());
    const [first, second] = splitRows(recorded('x0'), 4 * 16 * 16);
    const soft = { model: { checkpoint, unet, parameters: new TensorSet() }, tokens };
    const pictures = {
      chosen: [
        { place: places[0], latents: first! },
        { place: places[1], latents: second! },
      ],
      timesteps: [150, 700],
      noise: recorded('noise'),
    };
    const { loss, gradient } = await softGradient(soft, recorded(embeddings), pictures);
    expect(loss).toBeCloseTo(golden(`${prefix}loss`)[0]!, 5);
    expect(await softLoss(soft, recorded(embeddings), pictures)).toBeCloseTo(loss, 6);
    expect(relativeError(gradient, recorded(`${prefix}gradient`))).toBeLessThan(1e-4);
  });
});

it('brings gradients back through both text encoders of SDXL', async () => {
  const folder = await writeDiffusersReference(makeTemporaryFolder(), 'tiny-xl');
  const checkpoint = await openCheckpoint(folder);
  onTestFinished(() => checkpoint.close());
  const tokens = await checkpoint.condition.openSoftTokens(place);
  onTestFinished(() => tokens.release());
  const asked = { before: 'a', behind: 'star' };
  const generator = createGenerator(1);
  const scale = Math.max(...tokens.scales);
  const at = generator.randn(2 * tokens.width).map((value) => scale * value);
  const { context, pooled } = await tokens.encode(asked, at);
  expect(pooled).not.toBeNull();
  const ct = generator.randn(context.length);
  const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, v, i) => sum + v * b[i]!, 0);
  const gradient = await tokens.gradient(asked, at, ct);
  // Along the gradient a difference is large enough for float32, in both encoders.
  for (const [from, to] of [
    [0, tokens.width / 2],
    [tokens.width / 2, tokens.width],
  ] as const) {
    const along = gradient.map((value, i) =>
      i % tokens.width >= from && i % tokens.width < to ? value : 0,
    );
    const square = dot(along, along);
    const h = (0.01 * scale) / Math.sqrt(square);
    const shifted = async (by: number) => {
      const moved = await tokens.encode(
        asked,
        at.map((value, i) => value + by * along[i]!),
      );
      return dot(moved.context, ct);
    };
    const difference = ((await shifted(h)) - (await shifted(-h))) / (2 * h);
    expect(difference / square).toBeCloseTo(1, 2);
  }
});
