import { AppError } from '../errors.ts';
import type { Precision } from '../pipeline/unet-graph.ts';
import type { Device } from '../runtime/device.ts';
import { knowsFloat16 } from '../runtime/stored-weights.ts';
import type { PrecisionWish } from './settings-fields.ts';

/**
 * What a training computes in on a device. The CPU has no operators for 16-bit floats: the runtime casts
 * before and after each, which is slower, and there only to compare with.
 *
 * @throws AppError `device.unavailable` where 16 bits are wanted and the device does not know them
 */
export async function choosePrecision(wish: PrecisionWish, device: Device): Promise<Precision> {
  const likely = likelyPrecision(wish, device);
  if (likely === 'float32' || device === 'cpu' || (await knowsFloat16(device))) return likely;
  if (wish === 'auto') return 'float32';
  throw new AppError(
    'device.unavailable',
    `the device "${device}" knows no 16-bit floats here, or its driver does not.`,
    {
      remedy: {
        advice: 'Train in 32-bit floats',
        settings: [{ setting: 'computePrecision', value: 'float32' }],
      },
    },
  );
}

/** The same without trying the device: as if every GPU knew 16-bit floats. */
export function likelyPrecision(wish: PrecisionWish, device: Device): Precision {
  if (wish !== 'auto') return wish;
  return device === 'cpu' ? 'float32' : 'float16';
}
