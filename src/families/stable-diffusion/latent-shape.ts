import type { Shape } from '../../tensor/shape.ts';
import type { DenoiserShape } from '../family.ts';
import type { Architecture } from './architecture.ts';

/** Of noisy latents and predictions: [N, C, h, w]. */
export function latentShapeOf(
  { unet }: Architecture,
  { batch, latentHeight, latentWidth }: DenoiserShape,
): Shape {
  return [batch, unet.inChannels, latentHeight, latentWidth];
}
