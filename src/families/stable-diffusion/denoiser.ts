import type { Denoiser } from '../family.ts';
import { latentShapeOf } from './latent-shape.ts';
import { UNET_PREFIX } from './layout/unet-layout.ts';
import type { Opened } from './opened.ts';

/** The UNet of a checkpoint. */
export function createDenoiser(opened: Opened): Denoiser {
  const { architecture } = opened;
  return {
    width: architecture.unet.modelChannels,
    prefix: UNET_PREFIX,
    latentShape: (shape) => latentShapeOf(architecture, shape),
    async load() {
      const { createDenoiserGraph } = await import('./denoiser-graph.ts');
      return createDenoiserGraph(opened);
    },
  };
}
