import { totalmem } from 'node:os';

import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { EraseSettings } from '../erase/job.ts';
import { costOfRun } from '../erase/run-cost.ts';
import { AppError } from '../errors.ts';
import { formatBytes } from '../format-bytes.ts';

/** What does not change how much memory training takes. */
const nothingDrawn = { prompts: { forget: 0, retain: 0 }, drawnPictures: 0 };

/**
 * Refuses a run on the CPU that needs more memory than there is at all: it would not end, but bring
 * the whole machine to a standstill. One that needs more than is free at the moment may run.
 *
 * @param machineBytes memory of the machine, or of the container that this runs in
 * @throws AppError `settings.too-large`
 */
export function requireMemory(
  checkpoint: Checkpoint,
  settings: EraseSettings,
  machineBytes = availableAtMost(),
): void {
  const { memoryBytes } = costOfRun(checkpoint, settings, nothingDrawn);
  if (memoryBytes <= machineBytes) return;
  const remedies = [
    settings.train !== 'xattn' && 'train the cross-attention only (--train xattn)',
    settings.innerSteps > 0 &&
      settings.innerOptimizer.kind !== 'sgd' &&
      'take the inner steps without moments (--inner-optimizer sgd)',
    settings.batch > 1 && 'train with smaller batches (--batch 1)',
    'train on smaller pictures (--size)',
  ].filter((remedy) => remedy !== false);
  throw new AppError(
    'settings.too-large',
    `training takes about ${formatBytes(memoryBytes)} of memory with these settings, and this machine has ${formatBytes(machineBytes)}: ${remedies.join(', or ')}.`,
  );
}

function availableAtMost(): number {
  // Without a limit it is 0 on some systems and beyond all memory on others.
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(totalmem(), limit) : totalmem();
}
