import { totalmem } from 'node:os';

import type { Checkpoint } from '../../families/checkpoint.ts';
import type { EraseSettings } from '../../methods/registry.ts';
import { costOfRun } from '../../erase/run-cost.ts';
import { AppError } from '../../errors.ts';
import { formatBytes } from '../../format-bytes.ts';
import { fittingAdvice, smallerVariants } from './smaller-settings.ts';

/** Pictures and prompts do not change how much memory training takes; no shape takes more than what is drawn. */
const extent = {
  device: 'cpu',
  prompts: { forget: 0, retain: 0 },
  drawnPictures: 0,
} as const;

/**
 * Refuses a run on the CPU that needs more memory than there is at all: it would not end, but bring
 * the whole machine to a standstill. One that needs more than is free at the moment may run.
 *
 * @param machineBytes memory of the machine, or of the container that this runs in
 * @throws AppError `settings.too-large`
 */
export async function requireMemory(
  checkpoint: Checkpoint,
  settings: EraseSettings,
  machineBytes = availableAtMost(),
): Promise<void> {
  const bytesOf = async (tried: EraseSettings) =>
    (await costOfRun(checkpoint, tried, extent)).memoryBytes;
  const bytes = await bytesOf(settings);
  if (bytes <= machineBytes) return;
  const variants = await Promise.all(
    smallerVariants(checkpoint, settings).map(async (variant) => ({
      ...variant,
      bytes: await bytesOf(variant.settings),
    })),
  );
  const advice = fittingAdvice(variants, machineBytes).map(({ message }) => message);
  const least = Math.min(bytes, ...variants.map((variant) => variant.bytes));
  const remedy =
    advice.length > 0
      ? advice.join(' ')
      : `It takes a machine with ${formatBytes(least)} of memory or more.`;
  throw new AppError(
    'settings.too-large',
    `training needs ${formatBytes(bytes)} of memory with these settings, and this machine has ${formatBytes(machineBytes)}. ${remedy}`,
  );
}

function availableAtMost(): number {
  // Without a limit it is 0 on some systems and beyond all memory on others.
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(totalmem(), limit) : totalmem();
}
