import { timestepEmbedding } from '../../diffusion/timestep-embedding.ts';
import { elementAt } from '../../element-at.ts';
import { floatTensor, type Tensor } from '../../runtime/tensor.ts';
import { joinRows } from '../../tensor/rows.ts';
import { elementCount } from '../../tensor/shape.ts';
import type { DenoiserGraph, DenoiserShape } from '../family.ts';
import { inputOf, shapeOfSize } from '../latent-sizes.ts';
import { contextWidth } from './class-context.ts';
import type { PixelUnetConfig } from './config.ts';
import { latentShapeOf } from './latent-shape.ts';
import { buildPixelUnet } from './unet.ts';

/**
 * The UNet with its inputs: `sample` (of further shapes `sample:1` and so on), `timestepEmbedding` and
 * `context`, which says the class, all float32.
 */
export function createDenoiserGraph(config: PixelUnetConfig): DenoiserGraph {
  const width = elementAt(config.widths, 0);
  const latentShape = (shape: DenoiserShape) => latentShapeOf(config, shape);
  const contextShape = ({ batch }: DenoiserShape) => [batch, 1, contextWidth(config)];
  return {
    contextInput: 'context',
    declare(g, shapes) {
      const [shape] = shapes;
      const samples = shapes.map((one, i) =>
        g.rows(inputOf('sample', i), 'float32', latentShape(one)),
      );
      const inputs = {
        timestepEmbedding: g.rows('timestepEmbedding', 'float32', [shape.batch, width]),
        context: g.rows('context', 'float32', contextShape(shape)),
      };
      return (branch, weights, i) =>
        buildPixelUnet(branch, weights, config, { ...inputs, sample: elementAt(samples, i) });
    },
    feeds({ noisyLatents, timesteps, prompts, size }, shapes) {
      const asked = shapeOfSize(shapes, size);
      const shape = elementAt(shapes, asked);
      const samples: Record<string, Tensor> = {};
      for (const [i, one] of shapes.entries()) {
        const of = latentShape(one);
        const values = i === asked ? noisyLatents : new Float32Array(elementCount(of));
        samples[inputOf('sample', i)] = floatTensor(values, of);
      }
      const embedded = timestepEmbedding(timesteps, width, config.timesteps);
      const context = joinRows(prompts.map((prompt) => prompt.context));
      return {
        ...samples,
        timestepEmbedding: floatTensor(embedded, [shape.batch, width]),
        context: floatTensor(context, contextShape(shape)),
      };
    },
  };
}
