import { describe, expect, it } from 'vitest';
import { deriveVaeConfig } from '../../src/families/stable-diffusion/layout/vae-layout.ts';
import { buildVaeDecoder, buildVaeEncoder } from '../../src/families/stable-diffusion/vae.ts';
import { externalWeights } from '../../src/models/weights.ts';
import { GraphBuilder } from '../../src/onnx/graph-builder.ts';
import type { Shape } from '../../src/tensor/shape.ts';
import { GraphSession } from '../../src/runtime/session.ts';
import { floatData, floatTensor } from '../../src/runtime/tensor.ts';
import { readModelReference } from '../helpers/model-reference.ts';
import { relativeError } from '../helpers/relative-error.ts';

const reference = readModelReference('vae-tiny');
const config = deriveVaeConfig(reference.source, 0.18215);

async function run(build: typeof buildVaeEncoder, data: Float32Array, shape: Shape) {
  const { source } = reference;
  const g = new GraphBuilder('vae');
  const use = { trained: new Set(source.tensors.keys()), computeType: 'float32' } as const;
  const weights = externalWeights(g, source.tensors, () => source.path, use);
  g.output('result', build(g, weights, config, g.input('x', 'float32', shape)));
  const feeds = g.graph.inputs.map((input) => {
    return [
      input.name,
      floatTensor(reference.weights.get(input.name) ?? data, input.shape),
    ] as const;
  });
  const session = await GraphSession.create(g.graph, { device: 'cpu', threads: 1 });
  const { result } = await session.run(Object.fromEntries(feeds));
  await session.release();
  return floatData(result!);
}

describe('the VAE', () => {
  it('encodes an image to the moments of its latents', async () => {
    const image = reference.tensor('in.image');
    const moments = await run(buildVaeEncoder, image, reference.shape('in.image'));
    expect(relativeError(moments, reference.tensor('out.moments'))).toBeLessThan(1e-5);
  });

  it('decodes latents', async () => {
    const image = await run(buildVaeDecoder, reference.tensor('in.z'), reference.shape('in.z'));
    expect(relativeError(image, reference.tensor('out.decoded_z'))).toBeLessThan(1e-5);
  });

  it('decodes the mean of what it encoded', async () => {
    const shape = reference.shape('in.z');
    const moments = reference.tensor('out.moments');
    const image = await run(buildVaeDecoder, moments.subarray(0, moments.length / 2), shape);
    expect(relativeError(image, reference.tensor('out.decoded_mean'))).toBeLessThan(1e-5);
  });
});
