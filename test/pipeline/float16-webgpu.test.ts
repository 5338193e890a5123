import { expect, it } from 'vitest';

import { choosePrecision } from '../../src/methods/choose-precision.ts';
import { knowsFloat16 } from '../../src/runtime/stored-weights.ts';
import { describeOnWebgpu } from '../helpers/webgpu.ts';
import { distance, lossesAndGradients } from './float16.ts';

describeOnWebgpu('16-bit floats on WebGPU', () => {
  it.each(['stored', 'int8'] as const)(
    'are taken where the driver knows them, with the gradient of 32 bits (%s)',
    async (basePrecision) => {
      if (!(await knowsFloat16('webgpu'))) {
        expect(await choosePrecision('auto', 'webgpu')).toBe('float32');
        await expect(choosePrecision('float16', 'webgpu')).rejects.toMatchObject({
          code: 'device.unavailable',
          message: expect.stringMatching(/16-bit.*--precision float32/) as string,
        });
        return;
      }
      expect(await choosePrecision('auto', 'webgpu')).toBe('float16');
      const asked = { sizes: [1], basePrecision };
      const [expected] = await lossesAndGradients('cpu', 'float32', asked);
      const [actual] = await lossesAndGradients('webgpu', 'float16', asked);
      expect(actual!.loss / expected!.loss).toBeCloseTo(1, 2);
      // Its products add up in 16 bits too.
      expect(distance(expected!.gradient, actual!.gradient)).toBeLessThan(2e-2);
    },
    600_000,
  );
});
