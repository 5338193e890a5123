import { AppError } from '../../errors.ts';
import type { Checkpoint } from '../../families/checkpoint.ts';
import type { Lora } from './read-lora.ts';

/**
 * A checkpoint with a LoRA on top of it, which counts `strength` times; the file stays the checkpoint's.
 *
 * @throws AppError `lora.invalid` for one that changes the text encoder too
 */
export function putOnTop(checkpoint: Checkpoint, lora: Lora, strength: number): Checkpoint {
  const elsewhere = lora.changes.filter(({ part }) => part !== 'denoiser');
  if (elsewhere.length > 0) {
    throw new AppError(
      'lora.invalid',
      `LoRA "${lora.title}" changes the text encoder too (${elsewhere.length} layers), which is not done on the fly. Merge it first: erase-concept merge.`,
    );
  }
  const changes = lora.changes.map(
    ({ tensor, factors }) => [tensor, { ...factors, scale: strength * factors.scale }] as const,
  );
  return { ...checkpoint, changes: new Map(changes) };
}
