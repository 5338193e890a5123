import path from 'node:path';

import { AppError } from '../errors.ts';
import type { Checkpoint } from '../families/checkpoint.ts';

/**
 * Refuses latents that a model drew and that are not finite: their picture would be black.
 *
 * @throws AppError `checkpoint.nan`
 */
export function requireWholeLatents(
  { file }: Pick<Checkpoint, 'file'>,
  latents: Float32Array,
  prompt: string,
): void {
  if (latents.every((value) => Number.isFinite(value))) return;
  throw new AppError(
    'checkpoint.nan',
    `"${path.basename(file.path)}" draws nothing of ${JSON.stringify(prompt)}: what it predicts is not finite (NaN). Its weights are damaged, or the device computes them wrongly.`,
    {
      remedy: {
        advice: 'Get the file again, or try the CPU',
        settings: [{ setting: 'device', value: 'cpu' }],
      },
    },
  );
}
