import { describe, expect, it } from 'vitest';

import { qSample } from '../../src/diffusion/forward-process.ts';
import { guide } from '../../src/diffusion/guidance.ts';
import { alphaCumprodAt, createNoiseSchedule } from '../../src/diffusion/noise-schedule.ts';
import { convertPrediction, type PredictionType } from '../../src/diffusion/prediction-type.ts';
import { VariancePreserving } from '../../src/diffusion/variance-preserving.ts';
import { createGenerator } from '../../src/tensor/random.ts';
import { readGoldenTensors } from '../helpers/golden-tensors.ts';
import { maxDifference } from '../helpers/max-difference.ts';

const schedule = createNoiseSchedule();
const generator = createGenerator(3);
const batch = { x0: generator.randn(64), noise: generator.randn(64), timesteps: [500] };
const latents = qSample(schedule, batch);
const alphaCumprod = alphaCumprodAt(schedule, 500);
const outputs: Record<PredictionType, Float32Array> = {
  epsilon: batch.noise,
  v_prediction: new VariancePreserving(schedule, 'v_prediction').target(batch),
  sample: batch.x0,
};
const types = Object.keys(outputs) as PredictionType[];

describe('convertPrediction', () => {
  it.each(types.flatMap((from) => types.map((to) => [from, to] as const)))(
    'turns a perfect %s into a perfect %s',
    (type, to) => {
      const prediction = { type, output: outputs[type], latents, alphaCumprod };
      expect(maxDifference(convertPrediction(prediction, to), outputs[to])).toBeLessThan(5e-6);
    },
  );

  it('refuses an output of another size than the latents', () => {
    const prediction = { type: 'epsilon' as const, output: new Float32Array(3), latents };
    expect(() => convertPrediction({ ...prediction, alphaCumprod }, 'sample')).toThrow(RangeError);
  });
});

describe('guide', () => {
  it('agrees with the reference', () => {
    const golden = readGoldenTensors('schedule.safetensors');
    const [uncond, cond] = ['uncond', 'cond'].map((which) =>
      Float32Array.from(golden(`ddim.first.eps_${which}`)),
    );
    expect(maxDifference(guide(uncond!, cond!, 7.5), golden('ddim.first.eps'))).toBeLessThan(2e-6);
  });
});
