import { elementAt } from '../../element-at.ts';
import type { Shape } from '../../tensor/shape.ts';
import type { Denoiser, DenoiserShape } from '../family.ts';
import type { PixelUnetConfig } from './config.ts';

/** The UNet of a model, which is all of it. */
export function createDenoiser(config: PixelUnetConfig): Denoiser {
  return {
    width: elementAt(config.widths, 0),
    prefix: '',
    latentShape: (shape) => latentShapeOf(config, shape),
    async load() {
      const { createDenoiserGraph } = await import('./denoiser-graph.ts');
      return createDenoiserGraph(config);
    },
  };
}

/** Of noisy pictures and predictions: [N, C, h, w]. */
export function latentShapeOf(
  { channels }: PixelUnetConfig,
  { batch, latentHeight, latentWidth }: DenoiserShape,
): Shape {
  return [batch, channels, latentHeight, latentWidth];
}
