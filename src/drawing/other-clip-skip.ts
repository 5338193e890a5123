import type { Checkpoint } from '../families/checkpoint.ts';
import type { Drawing } from './drawing.ts';
import { guessDrawing } from './guess.ts';

/**
 * The other clip skip that people draw with who have the same model: 1 where it is drawn with a later one;
 * where it is drawn with 1, what its files say. A concept that is gone at one of them need not be at the other.
 *
 * @returns null where there is none, or the model takes both for the same layer
 */
export function otherClipSkip(
  checkpoint: Pick<Checkpoint, 'file' | 'facts' | 'condition'>,
  { clipSkip }: Pick<Drawing, 'clipSkip'>,
): number | null {
  const { least, most } = checkpoint.condition.clipSkips;
  const other = clipSkip === 1 ? (guessDrawing(checkpoint).draws.clipSkip ?? 1) : 1;
  const isAnotherLayer = Math.max(other, least) !== Math.max(clipSkip, least);
  return isAnotherLayer && other <= most ? other : null;
}
