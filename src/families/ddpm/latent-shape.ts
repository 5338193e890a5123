import type { Shape } from '../../tensor/shape.ts';
import type { DenoiserShape } from '../family.ts';
import type { PixelUnetConfig } from './config.ts';

/** Of noisy pictures and predictions: [N, C, h, w]. */
export function latentShapeOf(
  { channels }: PixelUnetConfig,
  { batch, latentHeight, latentWidth }: DenoiserShape,
): Shape {
  return [batch, channels, latentHeight, latentWidth];
}
