import { expect, it, onTestFinished } from 'vitest';

import { asItIs } from '../../src/adapters/full-weights.ts';
import { embeddingGradient } from '../../src/attacks/embedding/learn-embedding.ts';
import { openCheckpoint } from '../../src/families/checkpoint.ts';
import { UnetSession } from '../../src/pipeline/unet-session.ts';
import { TensorSet } from '../../src/runtime/tensor-set.ts';
import { splitRows } from '../../src/tensor/rows.ts';
import { tinySd } from '../helpers/forgetful-model.ts';
import { readGoldenTensors } from '../helpers/golden-tensors.ts';
import { relativeError } from '../helpers/relative-error.ts';

const golden = readGoldenTensors('attack.safetensors');
const recorded = (name: string) => Float32Array.from(golden(name));
const place = { device: 'cpu', threads: 1 } as const;

// Two pictures under "a red star" and nothing, each with the token behind it, as make-attack.py has them.
it('brings the loss of the UNet back to a token’s embedding as PyTorch does', async () => {
  const checkpoint = await openCheckpoint(tinySd);
  onTestFinished(() => checkpoint.close());
  const unet = await UnetSession.create(checkpoint, {
    shape: { batch: 2, latentHeight: 16, latentWidth: 16, contextTokens: 77 },
    ...{ adaptation: asItIs(checkpoint), givesContextGradient: true, ...place },
  });
  onTestFinished(() => unet.release());
  const token = await checkpoint.condition.openSoftToken(place);
  onTestFinished(() => token.release());
  const encoded = await checkpoint.condition.encode([''], place);
  const [first, second] = splitRows(recorded('x0'), 4 * 16 * 16);
  const { loss, gradient } = await embeddingGradient(
    { model: { checkpoint, encoded, unet, parameters: new TensorSet() }, token },
    recorded('embedding'),
    {
      chosen: [
        { place: { before: 'a red star', behind: '' }, latents: first! },
        { place: { before: '', behind: '' }, latents: second! },
      ],
      timesteps: [150, 700],
      noise: recorded('noise'),
    },
  );
  expect(loss).toBeCloseTo(golden('loss')[0]!, 5);
  expect(relativeError(gradient, recorded('gradient'))).toBeLessThan(1e-4);
});
