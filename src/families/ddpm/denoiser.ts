import { elementAt } from '../../element-at.ts';
import type { Denoiser } from '../family.ts';
import type { PixelUnetConfig } from './config.ts';
import { latentShapeOf } from './latent-shape.ts';

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
