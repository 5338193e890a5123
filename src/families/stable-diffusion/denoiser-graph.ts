import { elementAt } from '../../element-at.ts';
import { timestepEmbedding } from '../../diffusion/timestep-embedding.ts';
import { floatTensor, type Tensor } from '../../runtime/tensor.ts';
import { joinRows } from '../../tensor/rows.ts';
import { elementCount } from '../../tensor/shape.ts';
import type { DenoiserGraph, DenoiserShape } from '../family.ts';
import { inputOf, shapeOfSize } from '../latent-sizes.ts';
import { addedConditions } from './added-condition.ts';
import { latentScale } from './image-size.ts';
import { latentShapeOf } from './latent-shape.ts';
import type { Opened } from './opened.ts';
import { buildUnet } from './unet.ts';

/**
 * The UNet with its inputs: `sample` (of further shapes `sample:1` and so on), `timestepEmbedding`,
 * `context`, with SDXL the added condition `y`, all float32.
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
    contextInput: 'context',
    declare(g, shapes) {
      const [shape] = shapes;
      const { batch } = shape;
      const samples = shapes.map((one, i) =>
        g.rows(inputOf('sample', i), 'float32', latentShape(one)),
      );
      const inputs = {
        timestepEmbedding: g.rows('timestepEmbedding', 'float32', [batch, unet.modelChannels]),
        context: g.rows('context', 'float32', contextShape(shape)),
        ...(unet.admInChannels !== null && {
          y: g.rows('y', 'float32', [batch, unet.admInChannels]),
        }),
      };
      return (branch, weights, i) =>
        buildUnet(branch, weights, unet, { ...inputs, sample: elementAt(samples, i) });
    },
    feeds({ noisyLatents, timesteps, prompts, size, framings }, shapes) {
      const asked = shapeOfSize(shapes, size);
      const shape = elementAt(shapes, asked);
      const samples: Record<string, Tensor> = {};
      for (const [i, one] of shapes.entries()) {
        const of = latentShape(one);
        const values = i === asked ? noisyLatents : new Float32Array(elementCount(of));
        samples[inputOf('sample', i)] = floatTensor(values, of);
      }
      const embedded = timestepEmbedding(timesteps, unet.modelChannels);
      const context = joinRows(prompts.map((prompt) => prompt.context));
      return {
        ...samples,
        timestepEmbedding: floatTensor(embedded, [shape.batch, unet.modelChannels]),
        context: floatTensor(context, contextShape(shape)),
        ...(unet.admInChannels !== null && {
          y: floatTensor(
            addedConditions(prompts, {
              ...{ channels: unet.admInChannels, size: pictureSize(shape) },
              ...(framings && { framings }),
            }),
            [shape.batch, unet.admInChannels],
          ),
        }),
      };
    },
  };
}
