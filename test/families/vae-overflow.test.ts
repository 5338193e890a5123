import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { writeTensorFile } from '../../src/checkpoint/tensor-file.ts';
import { checkpointWeights, weightsFolder } from '../../src/families/checkpoint-weights.ts';
import { openCheckpoint } from '../../src/families/checkpoint.ts';
import { hashCheckpoint } from '../../src/families/checkpoint-hash.ts';
import { buildVaeDecoder } from '../../src/families/stable-diffusion/vae.ts';
import { decodePng } from '../../src/images/png.ts';
import { GraphBuilder } from '../../src/onnx/graph-builder.ts';
import { GraphSession } from '../../src/runtime/session.ts';
import { floatData, floatTensor } from '../../src/runtime/tensor.ts';
import { createGenerator } from '../../src/tensor/random.ts';
import { makeTinyJob, runTinyJob } from '../erase/tiny-job.ts';
import { maxAbs, relativeError } from '../helpers/relative-error.ts';
import { asStableDiffusion } from '../helpers/stable-diffusion.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

const model = path.resolve('presets/tiny-sd/tiny-sd.safetensors');
const prefix = 'first_stage_model.';
const FLOAT16_MAX = 65504;
const size = { width: 64, height: 64, device: 'cpu', threads: 2 } as const;

/** What all that is added to the stream between the norms is made of: these do not see its size. */
const added = [
  /coder\.conv_in\.(weight|bias)$/,
  /\.conv2\.(weight|bias)$/,
  /\.attn_1\.proj_out\.(weight|bias)$/,
  /\.nin_shortcut\.bias$/,
  /sample\.conv\.bias$/,
];

/** tiny-sd's VAE with activations that are so many times as large, and give the same pictures. */
async function writeLoudVae(factor: number): Promise<string> {
  const file = path.join(makeTemporaryFolder(), 'loud.vae.safetensors');
  const checkpoint = await openCheckpoint(model);
  const names = [...checkpoint.file.tensors.values()].filter(({ name }) => name.startsWith(prefix));
  await writeTensorFile(
    file,
    names.map(({ name, shape }) => ({
      ...{ name, shape },
      elements: async () => {
        const values = await checkpoint.file.readFloat32(name);
        const isAdded = added.some((pattern) => pattern.test(name));
        return isAdded ? values.map((value) => factor * value) : values;
      },
    })),
    {},
  );
  await checkpoint.close();
  return file;
}

describe('a VAE whose activations are larger than float16 holds', () => {
  it('reads and draws as the same VAE with small ones', async () => {
    const loud = await openCheckpoint(model, undefined, { vae: await writeLoudVae(2 ** 20) });
    const plain = await openCheckpoint(model);
    const [expected, found] = [plain, loud].map(async ({ codec }) => {
      const data = createGenerator(3)
        .randn(3 * 64 * 64)
        .map((value) => Math.tanh(value));
      const encoder = await codec.openEncoder(size);
      const latents = await encoder.encode({ data, ...size }, (count) => new Float32Array(count));
      await encoder.release();
      const decoder = await codec.openDecoder(size);
      const picture = await decoder.decode(createGenerator(4).randn(latents.length));
      await decoder.release();
      return { latents, picture: picture.data };
    });
    expect(relativeError((await found!).latents, (await expected!).latents)).toBeLessThan(1e-3);
    expect(relativeError((await found!).picture, (await expected!).picture)).toBeLessThan(1e-3);

    const { vae } = asStableDiffusion(loud);
    const g = new GraphBuilder('loud');
    const latents = g.input('latents', 'float32', [1, 4, 8, 8]);
    g.output('image', buildVaeDecoder(g, checkpointWeights(g, vae!), vae!.config, latents));
    // After the one of `post_quant_conv`.
    g.output('stream', g.graph.nodes.filter(({ opType }) => opType === 'Conv')[1]!.outputs[0]!);
    const session = await GraphSession.create(g.graph, {
      device: 'cpu',
      weightsFolder: weightsFolder(vae!),
    });
    const { stream } = await session.run({
      latents: floatTensor(createGenerator(4).randn(256), [1, 4, 8, 8]),
    });
    await session.release();
    expect(maxAbs(floatData(stream!))).toBeGreaterThan(FLOAT16_MAX);
    await Promise.all([loud.close(), plain.close()]);
  });

  it('gives no black picture to a job that computes in float16', async () => {
    const folder = makeTemporaryFolder();
    const vae = await writeLoudVae(2 ** 20);
    const job = {
      ...(await makeTinyJob(folder, {
        ...{ steps: 1, sampleEvery: 1, evaluationPictures: 1, computePrecision: 'float16' },
      })),
      vae: { path: vae, sha256: await hashCheckpoint(vae) },
    };
    const events = await runTinyJob(job, folder);
    const files = events.flatMap((event) => (event.event === 'sample' ? [event.file] : []));
    expect(files.length).toBeGreaterThanOrEqual(12);
    for (const file of files) {
      const { data } = await decodePng(readFileSync(file));
      expect(Math.max(...data), file).toBeGreaterThan(-0.5);
    }
    const evaluation = events.find((event) => event.event === 'evaluation');
    expect(JSON.stringify(evaluation)).not.toMatch(/NaN|null,"after":null/);
  }, 120_000);
});

it('a VAE that makes NaN even in float32 is refused by name, and gives no picture', async () => {
  const checkpoint = await openCheckpoint(model, undefined, { vae: await writeLoudVae(1e38) });
  const refusal = {
    code: 'vae.invalid',
    message: expect.stringMatching(/"loud\.vae.*NaN/) as string,
  };
  const cells = 4 * (64 / checkpoint.codec.scale) ** 2;
  const encoder = await checkpoint.codec.openEncoder(size);
  const data = new Float32Array(3 * 64 * 64).fill(0.5);
  const noise = (count: number) => new Float32Array(count);
  await expect(encoder.encode({ data, ...size }, noise)).rejects.toMatchObject(refusal);
  await encoder.release();
  const decoder = await checkpoint.codec.openDecoder(size);
  await expect(decoder.decode(new Float32Array(cells).fill(1))).rejects.toMatchObject(refusal);
  // Of a model that predicts NaN it is not the VAE's fault.
  const ruined = await decoder.decode(new Float32Array(cells).fill(Number.NaN));
  expect(ruined.data.every(Number.isNaN)).toBe(true);
  await decoder.release();
  await checkpoint.close();
});
