import { AppError } from '../errors.ts';
import type { Precision } from '../pipeline/unet-session.ts';
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
  if (wish === 'float32' || (wish === 'auto' && device === 'cpu')) return 'float32';
  if (device === 'cpu' || (await knowsFloat16(device))) return 'float16';
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
