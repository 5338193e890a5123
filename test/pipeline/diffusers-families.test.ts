import { asItIs } from '../../src/adapters/full-weights.ts';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { beforeAll, describe, expect, it } from 'vitest';

import { type Checkpoint, openCheckpoint } from '../../src/families/checkpoint.ts';
import { requireEncoded } from '../../src/families/encoded-prompt.ts';
import type { EncodedPromptSet } from '../../src/families/encoded-prompt.ts';
import { drawPictures } from '../../src/pipeline/text-to-image.ts';
import { UnetSession } from '../../src/pipeline/unet-session.ts';
import { floatData } from '../../src/runtime/tensor.ts';
import { TensorSet } from '../../src/runtime/tensor-set.ts';
import { readDiffusersReference, writeDiffusersReference } from '../helpers/diffusers-reference.ts';
import { relativeError } from '../helpers/relative-error.ts';
import { asStableDiffusion } from '../helpers/stable-diffusion.ts';

const run = { device: 'cpu', threads: 1 } as const;

describe.each([
  ['tiny-v2', 'sd2', 'v_prediction', [0]],
  ['tiny-xl', 'sdxl', 'epsilon', [0, 1]],
] as const)('the folder %s', (name, family, predictionType, encoders) => {
  const { facts, tensor } = readDiffusersReference(name);
  const { prompt, height, width } = facts;
  let checkpoint: Checkpoint;
  let encoded: EncodedPromptSet;

  beforeAll(async () => {
    const parent = mkdtempSync(path.join(tmpdir(), 'erase-concept-'));
    checkpoint = await openCheckpoint(await writeDiffusersReference(path.join(parent, name), name));
    encoded = await checkpoint.condition.encode([prompt, ''], run);
    return async () => {
      await checkpoint.file.close();
      rmSync(parent, { recursive: true });
    };
  }, 60_000);

  it('is recognised, with the settings of each text encoder', () => {
    const { architecture } = asStableDiffusion(checkpoint);
    expect(architecture).toMatchObject({ family, refusal: null, diffusion: { predictionType } });
    expect(architecture.unet.useLinearProjection).toBe(true);
    expect(architecture.textEncoders.map(({ heads }) => heads)).toEqual(
      encoders.map((i) => [family === 'sd2' ? 4 : 2, 4][i]),
    );
    // Both of SDXL's tokenizers fill up with a token of their own.
    expect(architecture.textEncoders.at(-1)!.tokenizer.padId).not.toBe(99);
  });

  it('encodes prompts as its pipeline does', () => {
    const { context, pooled } = requireEncoded(encoded.prompts, prompt);
    const nothing = checkpoint.condition.unconditional(encoded.prompts);
    expect(relativeError(context, tensor('context'))).toBeLessThan(1e-5);
    expect(nothing.context).toHaveLength(context.length);
    if (pooled === null || nothing.pooled === null) {
      expect(relativeError(nothing.context, tensor('unconditional'))).toBeLessThan(1e-5);
      return;
    }
    expect(relativeError(pooled, tensor('pooled'))).toBeLessThan(1e-5);
    expect(nothing.context).toEqual(tensor('unconditional'));
    expect(nothing.pooled).toEqual(tensor('pooled_unconditional'));
  });

  it('predicts what its UNet does in diffusers', async () => {
    const shape = { batch: 1, latentHeight: height / 2, latentWidth: width / 2, contextTokens: 77 };
    const unet = await UnetSession.create(checkpoint, {
      shape,
      adaptation: asItIs(checkpoint),
      ...run,
    });
    const prompts = [requireEncoded(encoded.prompts, prompt)];
    for (const timestep of [7, 801]) {
      const rows = { noisyLatents: tensor('sample'), timesteps: [timestep], prompts };
      const prediction = floatData(await unet.predict(new TensorSet(), rows));
      expect(relativeError(prediction, tensor(`prediction.${timestep}`))).toBeLessThan(1e-5);
    }
    await unet.release();
  });

  it('draws the picture that its pipeline draws', async () => {
    const { steps, guidance, noise_seed: seed } = facts;
    const drawn: Float32Array[] = [];
    await drawPictures(
      checkpoint,
      [{ prompt, negativePrompt: '', seed }],
      { width, height, steps, guidanceScale: guidance, sampler: 'DDIM', batch: 1, ...run },
      (image) => {
        // −1 to 1 here, 0 to 1 there, cut off on both sides.
        drawn.push(image.data.map((x) => Math.min(1, Math.max(0, (x + 1) / 2))));
        return Promise.resolve();
      },
    );
    expect(drawn).toHaveLength(1);
    expect(relativeError(drawn[0]!, tensor('picture'))).toBeLessThan(1e-5);
  });
});
