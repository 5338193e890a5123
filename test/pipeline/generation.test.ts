import { asItIs } from '../../src/adapters/full-weights.ts';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openCheckpoint, type Checkpoint } from '../../src/families/checkpoint.ts';
import { openSafetensors, type SafetensorsFile } from '../../src/checkpoint/safetensors-reader.ts';
import { sampleLatents } from '../../src/pipeline/sample-latents.ts';
import type { EncodedPromptSet } from '../../src/families/encoded-prompt.ts';
import { UnetSession } from '../../src/pipeline/unet-session.ts';
import { TensorSet } from '../../src/runtime/tensor-set.ts';

const model = path.resolve(import.meta.dirname, '../../presets/tiny-sd/tiny-sd.safetensors');
const recording = path.resolve(import.meta.dirname, '../golden/tiny-sd-generation.safetensors');
const prompts = ['a purple ring in the style of Krossan', 'a red circle in the style of Pontilla'];
const run = { device: 'cpu', threads: 1 } as const;

/** The recording was made before the weights were rounded to float16 (2⁻¹¹ each). */
const rounding = { encoder: 1e-3, latents: 1e-2, pixels: 2e-2 };

/** Largest difference relative to the largest expected value. */
function relativeDifference(actual: Float32Array, expected: Float32Array): number {
  const scale = expected.reduce((max, x) => Math.max(max, Math.abs(x)), 0);
  const worst = expected.reduce((max, x, i) => Math.max(max, Math.abs(x - actual[i]!)), 0);
  return actual.length === expected.length ? worst / scale : Number.POSITIVE_INFINITY;
}

describe('tiny-sd draws what PyTorch drew', () => {
  let checkpoint: Checkpoint;
  let golden: SafetensorsFile;
  let encoded: EncodedPromptSet;

  beforeAll(async () => {
    checkpoint = await openCheckpoint(model);
    golden = await openSafetensors(recording);
    encoded = await checkpoint.condition.encode(['', ...prompts], run);
  });

  afterAll(async () => {
    await golden.close();
    await checkpoint.file.close();
  });

  it('encodes the prompts', async () => {
    const context = await golden.readFloat32('context');
    const size = 77 * 64;
    prompts.forEach((prompt, i) => {
      const expected = context.subarray(i * size, (i + 1) * size);
      expect(relativeDifference(encoded.prompts.get(prompt)!.context, expected)).toBeLessThan(
        rounding.encoder,
      );
    });
    const uncond = await golden.readFloat32('uncond');
    expect(relativeDifference(encoded.prompts.get('')!.context, uncond)).toBeLessThan(
      rounding.encoder,
    );
  });

  it('samples 20 DDIM steps with guidance 5 and decodes the pictures', async () => {
    const shape = { batch: 4, latentHeight: 8, latentWidth: 8, contextTokens: 77 };
    const unet = await UnetSession.create(checkpoint, {
      shape,
      adaptation: asItIs(checkpoint),
      ...run,
    });
    const latents = await sampleLatents(
      unet,
      new TensorSet(),
      // The recorded start noise is torch.randn of seed 123 for both pictures at once.
      prompts.map((prompt) => ({
        prompt: encoded.prompts.get(prompt)!,
        unconditional: encoded.prompts.get('')!,
        seed: 123,
      })),
      {
        steps: 20,
        guidanceScale: 5,
        sampler: 'DDIM',
        process: checkpoint.process,
      },
    );
    await unet.release();
    const noise = await golden.readFloat32('noise');
    const expected = await golden.readFloat32('latents');
    expect(noise.length).toBe(512);
    const decoder = await checkpoint.codec.openDecoder({ width: 64, height: 64, ...run });
    const image = await decoder.decode(latents[0]!);
    await decoder.release();
    const pictures = await golden.readFloat32('image');
    expect(relativeDifference(latents[0]!, expected.subarray(0, 256))).toBeLessThan(
      rounding.latents,
    );
    expect(
      relativeDifference(
        image.data.map((x) => Math.min(1, Math.max(-1, x))),
        pictures.subarray(0, 3 * 64 * 64),
      ),
    ).toBeLessThan(rounding.pixels);
  }, 60_000);

  it('encodes a picture', async () => {
    const encoder = await checkpoint.codec.openEncoder({ width: 64, height: 64, ...run });
    const data = await golden.readFloat32('vae_in');
    const moments = await golden.readFloat32('vae_moments');
    const latents = await encoder.encode(
      { data, width: 64, height: 64 },
      (count) => new Float32Array(count),
    );
    await encoder.release();
    const expected = moments.subarray(0, latents.length).map((x) => 0.18215 * x);
    expect(relativeDifference(latents, expected)).toBeLessThan(rounding.encoder);
  });
});
