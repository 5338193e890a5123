import path from 'node:path';

import { expect, it } from 'vitest';

import { fitFullWeights } from '../../../src/adapters/full-weights.ts';
import { openSafetensors } from '../../../src/checkpoint/safetensors-reader.ts';
import { openCheckpoint } from '../../../src/families/checkpoint.ts';
import { classPrompt } from '../../../src/families/class-prompts.ts';
import { requireEncoded } from '../../../src/families/encoded-prompt.ts';
import { UnetSession } from '../../../src/pipeline/unet-session.ts';
import { floatData, floatTensor } from '../../../src/runtime/tensor.ts';
import { TensorSet } from '../../../src/runtime/tensor-set.ts';
import { maxDifference } from '../../helpers/max-difference.ts';

// Against diffusers' UNet2DModel: test/golden/make-ddpm.py.

const golden = path.resolve(import.meta.dirname, '../../golden/ddpm');
const place = { device: 'cpu', threads: 1 } as const;

it.each(['grey', 'classes', 'timestep', 'celebahq'])(
  'a model predicts and learns as in diffusers: %s',
  async (name) => {
    const checkpoint = await openCheckpoint(path.join(golden, name));
    const reference = await openSafetensors(path.join(golden, `${name}.safetensors`));
    const valuesOf = (key: string) => reference.readFloat32(key);
    const [batch = 0, , latentHeight = 0, latentWidth = 0] =
      reference.tensors.get('sample')?.shape ?? [];
    const { condition, groups } = checkpoint;
    const isAsked = condition.asks.kind === 'classes';
    const asked = [1, 4].map((label) => (isAsked ? classPrompt(label) : ''));
    const { prompts, tokens } = await condition.encode(asked, place);
    const adaptation = fitFullWeights(checkpoint, groups.namesOf('full'));
    const shape = { batch, latentHeight, latentWidth, contextTokens: tokens };
    const unet = await UnetSession.create(checkpoint, { shape, adaptation, ...place });
    const parameters = await adaptation.initial();
    const rows = {
      noisyLatents: await valuesOf('sample'),
      timesteps: [17, 803],
      prompts: asked.map((prompt) => requireEncoded(prompts, prompt)),
    };
    const predicted = await unet.predict(parameters, rows);
    expect(maxDifference(floatData(predicted), await valuesOf('output'))).toBeLessThan(1e-4);

    const into = new TensorSet();
    const target = floatTensor(await valuesOf('target'), unet.latentShape);
    const loss = await unet.gradient(parameters, rows, { target, into });
    expect(maxDifference([loss], await valuesOf('loss'))).toBeLessThan(1e-4);
    const names = groups.namesOf('full');
    expect(names).toHaveLength([...reference.tensors.keys()].length - 4);
    for (const key of names) {
      const [wave = 0, norm = 0] = await valuesOf(`gradient:${asNow(key)}`);
      const found = floatData(into.get(key));
      const product = found.reduce((sum, value, i) => sum + value * Math.sin(i + 1), 0);
      // Keys have biases that softmax makes nothing of: their gradients are rounding.
      const bound = 1e-3 * norm + 1e-7;
      expect(Math.abs(product - wave), key).toBeLessThan(bound);
      expect(Math.abs(Math.hypot(...found) - norm), key).toBeLessThan(bound);
    }
    await unet.release();
    await reference.close();
    await checkpoint.close();
  },
);

/** What diffusers calls a tensor since version 0.16. */
function asNow(key: string): string {
  return key.replace(
    /(\.attentions\.\d+\.)(query|key|value|proj_attn)\./,
    (_, before: string, name: string) =>
      `${before}${{ query: 'to_q', key: 'to_k', value: 'to_v' }[name] ?? 'to_out.0'}.`,
  );
}
