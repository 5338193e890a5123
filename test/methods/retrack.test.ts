import { describe, expect, it } from 'vitest';

import { createNoiseSchedule } from '../../src/diffusion/noise-schedule.ts';
import { VariancePreserving } from '../../src/diffusion/variance-preserving.ts';
import { nearestKept, redirected } from '../../src/methods/retrack/neighbours.ts';
import type { DatasetItem } from '../../src/training/dataset.ts';

const item = (value: number, prompt = 'a', latentWidth = 2): DatasetItem => ({
  latents: new Float32Array(2 * latentWidth).fill(value),
  ...{ size: { latentHeight: 2, latentWidth }, prompt, framing: null },
});

describe('the neighbours of a picture', () => {
  const kept = [item(5), item(1), item(-2), item(0.5, 'b'), item(0, 'a', 3)];

  it('are the nearest of its caption and size', () => {
    expect(nearestKept(item(0), kept, 2)).toEqual([item(1), item(-2)]);
    expect(nearestKept(item(0), kept, 10)).toHaveLength(3);
  });

  it('have any caption where none is kept with its own', () => {
    expect(nearestKept(item(0, 'c'), kept, 2)).toEqual([item(0.5, 'b'), item(1)]);
  });
});

describe('what a noisy latent is led to', () => {
  const schedule = createNoiseSchedule();
  const noisyLatents = Float32Array.of(0.9, 0.2, -0.3, 0.4);
  const near = Float32Array.of(1, 0, 0, 0);
  const far = Float32Array.of(-1, 2, 3, 1);
  const lead = (timestep: number, type: 'epsilon' | 'v_prediction' = 'epsilon') => {
    const process = new VariancePreserving(schedule, type);
    return {
      led: redirected({ noisyLatents, timestep }, [far, near], process),
      ways: [far, near].map((x0) => {
        const pair = { x0, noisyLatents, timesteps: [timestep] };
        return process.target({ ...pair, noise: process.noiseBetween(pair) });
      }),
    };
  };

  it('is the one neighbour that it can come from, where there is little noise', () => {
    const { led, ways } = lead(20);
    expect(led).toEqual(ways[1]);
  });

  it.each(['epsilon', 'v_prediction'] as const)('lies between them at the end: %s', (type) => {
    const { led, ways } = lead(999, type);
    const share = (led[0]! - ways[0]![0]!) / (ways[1]![0]! - ways[0]![0]!);
    expect(share).toBeGreaterThan(0.4);
    expect(share).toBeLessThan(0.8);
    led.forEach((value, i) => {
      const expected = share * ways[1]![i]! + (1 - share) * ways[0]![i]!;
      expect(value).toBeCloseTo(expected, 4);
    });
  });

  it('is nothing without neighbours', () => {
    const process = new VariancePreserving(schedule, 'epsilon');
    expect(() => redirected({ noisyLatents, timestep: 9 }, [], process)).toThrow(RangeError);
  });
});
