import { asItIs } from '../../src/adapters/full-weights.ts';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { describe, expect, it, onTestFinished } from 'vitest';

import { type Checkpoint, openCheckpoint } from '../../src/families/checkpoint.ts';
import { buildClipText } from '../../src/families/stable-diffusion/clip-text.ts';
import { buildVaeDecoder, buildVaeEncoder } from '../../src/families/stable-diffusion/vae.ts';
import type { WeightSource } from '../../src/models/weights.ts';
import { GraphBuilder } from '../../src/onnx/graph-builder.ts';
import type { Value } from '../../src/onnx/graph.ts';
import { checkpointWeights, weightsFolder } from '../../src/families/checkpoint-weights.ts';
import { UnetSession } from '../../src/pipeline/unet-session.ts';
import { GraphSession } from '../../src/runtime/session.ts';
import { floatData, floatTensor, intTensor, type Tensor } from '../../src/runtime/tensor.ts';
import { TensorSet } from '../../src/runtime/tensor-set.ts';
import { readDiffusersReference, writeDiffusersReference } from '../helpers/diffusers-reference.ts';
import { readGoldenTensors } from '../helpers/golden-tensors.ts';
import { relativeError } from '../helpers/relative-error.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { encodedPrompts } from '../helpers/encoded-prompts.ts';
import { asStableDiffusion } from '../helpers/stable-diffusion.ts';

const reference = readDiffusersReference();

async function openReference(): Promise<Checkpoint> {
  const folder = await writeDiffusersReference(path.join(makeTemporaryFolder(), 'tiny'));
  const checkpoint = await openCheckpoint(folder);
  onTestFinished(() => checkpoint.file.close());
  return checkpoint;
}

/** Runs one of the models on one of the reference's inputs. */
async function run(
  checkpoint: Checkpoint,
  { name, type }: { name: string; type: 'float32' | 'int64' },
  build: (g: GraphBuilder, weights: WeightSource, input: Value) => Value,
): Promise<Float32Array> {
  const g = new GraphBuilder('part');
  const shape = reference.shape(name);
  g.output('result', build(g, checkpointWeights(g, checkpoint), g.input('x', type, shape)));
  const session = await GraphSession.create(g.graph, {
    device: 'cpu',
    threads: 1,
    weightsFolder: weightsFolder(checkpoint),
  });
  const values = reference.tensor(name);
  const x: Tensor = type === 'int64' ? intTensor([...values], shape) : floatTensor(values, shape);
  const { result } = await session.run({ x });
  await session.release();
  return floatData(result!);
}

describe('a model that diffusers wrote', () => {
  it('has the heads, schedule, scale and size of its configs', async () => {
    const { architecture, facts } = asStableDiffusion(await openReference());
    expect(architecture).toMatchObject({
      family: 'sd1',
      unet: { modelChannels: 32, channelMult: [1, 2], heads: { numHeads: 4 }, contextDim: 16 },
      textEncoders: [{ heads: 2, hiddenSize: 16, layers: 2, activation: 'quick_gelu' }],
      vae: { ch: 32, chMult: [1, 2], scaleFactor: 0.2 },
      diffusion: { predictionType: 'v_prediction', betaStart: 0.00085, betaEnd: 0.011 },
      assumptions: [],
      refusal: null,
    });
    expect(facts.nativeSize).toBe(16);
  });

  it('predicts as its UNet does in diffusers', async () => {
    const checkpoint = await openReference();
    const [batch = 1, , latentHeight = 1, latentWidth = 1] = reference.shape('sample');
    const shape = { batch, latentHeight, latentWidth, contextTokens: 77 };
    const unet = await UnetSession.create(checkpoint, {
      shape,
      adaptation: asItIs(checkpoint),
      device: 'cpu',
      threads: 1,
    });
    const prediction = await unet.predict(new TensorSet(), {
      noisyLatents: reference.tensor('sample'),
      timesteps: [...reference.tensor('timesteps')],
      prompts: encodedPrompts(reference.tensor('context'), batch),
    });
    const error = relativeError(floatData(prediction), reference.tensor('prediction'));
    await unet.release();
    expect(error).toBeLessThan(1e-4);
  });

  it('with zero terminal SNR is drawn with as by DDIM in diffusers', async () => {
    const folder = await writeDiffusersReference(path.join(makeTemporaryFolder(), 'tiny'));
    const scheduler = path.join(folder, 'scheduler/scheduler_config.json');
    const config = JSON.parse(readFileSync(scheduler, 'utf8')) as object;
    const changes = { rescale_betas_zero_snr: true, beta_end: 0.012 };
    writeFileSync(scheduler, JSON.stringify({ ...config, ...changes }));
    const checkpoint = await openCheckpoint(folder);
    onTestFinished(() => checkpoint.file.close());
    const { predictionType, zeroTerminalSnr } =
      asStableDiffusion(checkpoint).architecture.diffusion;
    expect({ predictionType, zeroTerminalSnr }).toEqual({
      predictionType: 'v_prediction',
      zeroTerminalSnr: true,
    });
    const golden = readGoldenTensors('zero-snr.safetensors');
    const shape = { batch: 1, latentHeight: 8, latentWidth: 8, contextTokens: 77 };
    const cpu = { adaptation: asItIs(checkpoint), device: 'cpu', threads: 1 } as const;
    const unet = await UnetSession.create(checkpoint, { shape, ...cpu });
    const prompts = encodedPrompts(Float32Array.from(golden('ddim.context')), 1);
    const timesteps: number[] = [];
    const drawn = await checkpoint.process.sample({
      sampler: 'DDIM',
      noise: Float32Array.from(golden('ddim.start')),
      steps: 10,
      predict: async (noisyLatents, timestep) => {
        timesteps.push(timestep);
        const rows = { noisyLatents, timesteps: [timestep], prompts };
        return floatData(await unet.predict(new TensorSet(), rows));
      },
    });
    await unet.release();
    expect(timesteps).toEqual(Array.from(golden('ddim.timesteps')));
    expect(relativeError(drawn, Float32Array.from(golden('ddim.drawn')))).toBeLessThan(1e-4);
  });

  it('encodes and decodes pictures as its VAE does in diffusers', async () => {
    const checkpoint = await openReference();
    const { vae } = asStableDiffusion(checkpoint).architecture;
    if (!vae) throw new Error('the reference has a VAE');
    const moments = await run(checkpoint, { name: 'image', type: 'float32' }, (g, weights, x) =>
      buildVaeEncoder(g, weights, vae, x),
    );
    expect(relativeError(moments, reference.tensor('moments'))).toBeLessThan(1e-4);
    const decoded = await run(checkpoint, { name: 'latents', type: 'float32' }, (g, weights, x) =>
      buildVaeDecoder(g, weights, vae, x),
    );
    expect(relativeError(decoded, reference.tensor('decoded'))).toBeLessThan(1e-4);
  });

  it('encodes prompts as its text encoder does in transformers', async () => {
    const checkpoint = await openReference();
    const [config] = asStableDiffusion(checkpoint).architecture.textEncoders;
    const hidden = await run(checkpoint, { name: 'ids', type: 'int64' }, (g, weights, ids) =>
      buildClipText(g, weights, config!, ids).hidden(1, true),
    );
    expect(relativeError(hidden, reference.tensor('hidden'))).toBeLessThan(1e-4);
  });
});
