import type { Denoiser } from '../family.ts';
import type { Architecture } from './architecture.ts';
import { latentShapeOf } from './latent-shape.ts';
import { UNET_PREFIX } from './layout/unet-layout.ts';

/** The UNet of a checkpoint. */
export function createDenoiser(architecture: Architecture): Denoiser {
  return {
    width: architecture.unet.modelChannels,
    prefix: UNET_PREFIX,
    latentShape: (shape) => latentShapeOf(architecture, shape),
    async load() {
      const { createDenoiserGraph } = await import('./denoiser-graph.ts');
      return createDenoiserGraph(architecture);
    },
  };
}
