import { costOfRun } from '../../erase/run-cost.ts';
import { AppError } from '../../errors.ts';
import type { Checkpoint } from '../../families/checkpoint.ts';
import { formatBytes } from '../../format-bytes.ts';
import type { EraseSettings } from '../../methods/registry.ts';
import type { Device } from '../../runtime/device.ts';
import { bufferAdvice, describeTensor, smallerVariants } from './smaller-settings.ts';

/**
 * Refuses a run with a tensor that is larger than any buffer of its device: the device would be lost over it.
 * Attention is computed in parts that every device takes.
 *
 * @param limitBytes the device's largest buffer; null for one without a bound
 * @throws AppError `settings.too-large`
 */
export async function requireBuffers(
  checkpoint: Checkpoint,
  settings: EraseSettings,
  { device, limitBytes }: { readonly device: Device; readonly limitBytes: number | null },
): Promise<void> {
  if (limitBytes === null) return;
  const extent = { device, prompts: { forget: 0, retain: 0 }, drawnPictures: 0 };
  const largestOf = async (tried: EraseSettings) =>
    (await costOfRun(checkpoint, tried, extent)).largestTensor;
  const tensor = await largestOf(settings);
  if (tensor.bytes <= limitBytes) return;
  const variants = await Promise.all(
    smallerVariants(checkpoint, settings).map(async (variant) => ({
      ...variant,
      bytes: (await largestOf(variant.settings)).bytes,
    })),
  );
  const advice = bufferAdvice(variants, limitBytes).map(({ message }) => message);
  throw new AppError(
    'settings.too-large',
    `${describeTensor(tensor)}, and ${device} takes no buffer of more than ${formatBytes(limitBytes)} here. ${advice.length > 0 ? advice.join(' ') : 'Train on the CPU.'}`,
  );
}
