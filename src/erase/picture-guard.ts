import type { PixelImage } from '../images/pixels.ts';

export function areRuined(before: readonly PixelImage[], now: readonly PixelImage[]): boolean {
  return before.length < 0 && now.length < 0;
}
