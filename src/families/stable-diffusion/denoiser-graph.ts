import { timestepEmbedding } from '../../diffusion/timestep-embedding.ts';
import { floatTensor } from '../../runtime/tensor.ts';
import { joinRows } from '../../tensor/rows.ts';
import type { DenoiserGraph, DenoiserShape } from '../family.ts';
import { addedConditions } from './added-condition.ts';
import { latentScale } from './image-size.ts';
import { latentShapeOf } from './latent-shape.ts';
import type { Opened } from './opened.ts';
import { buildUnet } from './unet.ts';

/**
 * The UNet with its inputs: `sample`, `timestepEmbedding`, `context`, with SDXL the added condition
 * `y`, all float32.
 */
export function createDenoiserGraph({ architecture, vae }: Opened): DenoiserGraph {
  const { unet } = architecture;
  const latentShape = (shape: DenoiserShape) => latentShapeOf(architecture, shape);
  const contextShape = ({ batch, contextTokens }: DenoiserShape) => [
    ...[batch, contextTokens],
    unet.contextDim,
  ];
  const pictureSize = ({ latentHeight, latentWidth }: DenoiserShape) => {
    const scale = latentScale({ vae });
    return { height: latentHeight * scale, width: latentWidth * scale };
  };
  return {
    declare(g, shape) {
      const { batch } = shape;
      const inputs = {
        sample: g.rows('sample', 'float32', latentShape(shape)),
        timestepEmbedding: g.rows('timestepEmbedding', 'float32', [batch, unet.modelChannels]),
        context: g.rows('context', 'float32', contextShape(shape)),
        ...(unet.admInChannels !== null && {
          y: g.rows('y', 'float32', [batch, unet.admInChannels]),
        }),
      };
      return (branch, weights) => buildUnet(branch, weights, unet, inputs);
    },
    feeds({ noisyLatents, timesteps, prompts }, shape) {
      const embedded = timestepEmbedding(timesteps, unet.modelChannels);
      const context = joinRows(prompts.map((prompt) => prompt.context));
      return {
        sample: floatTensor(noisyLatents, latentShape(shape)),
        timestepEmbedding: floatTensor(embedded, [shape.batch, unet.modelChannels]),
        context: floatTensor(context, contextShape(shape)),
        ...(unet.admInChannels !== null && {
          y: floatTensor(
            addedConditions(prompts, { channels: unet.admInChannels, size: pictureSize(shape) }),
            [shape.batch, unet.admInChannels],
          ),
        }),
      };
    },
  };
}
