import type { PixelImage } from './pixels.ts';

/**
 * How far two pictures of one size are apart: the mean absolute difference of a colour value, from
 * 0 (the same) to 1 (black against white). Values outside [-1, 1] count as they are shown.
 */
export function imageDistance(first: PixelImage, second: PixelImage): number {
  if (first.data.length !== second.data.length) {
    throw new RangeError('pictures of different sizes have no distance');
  }
  let sum = 0;
  for (let i = 0; i < first.data.length; i++) {
    sum += Math.abs(shown(first.data[i]) - shown(second.data[i]));
  }
  return sum / 2 / first.data.length;
}

/** As `toRgbBytes` shows it: clamped, NaN black. */
function shown(value = Number.NaN): number {
  return Number.isNaN(value) ? -1 : Math.min(1, Math.max(-1, value));
}
