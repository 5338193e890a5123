import type { GraphBuilder } from '../../onnx/graph-builder.ts';
import type { Value } from '../../onnx/graph.ts';
import { dimAt } from '../../onnx/shape.ts';

/** The longest wavelength is 2π times this many timesteps. */
const maxPeriod = 10_000;

/**
 * [cos(t·f₀), …, sin(t·f₀), …] with fᵢ = 10000^(−i / (dim/2)), the sinusoidal position embedding
 * (CompVis/stable-diffusion, ldm/modules/diffusionmodules/util.py, `timestep_embedding`).
 *
 * @param timesteps float32 or int64 [N]
 * @param dim even
 * @returns float32 [N, dim]
 */
export function timestepEmbedding(g: GraphBuilder, timesteps: Value, dim: number): Value {
  const half = dim / 2;
  // Rounded where PyTorch rounds: at t = 999 an error in the last bit of f is one of 1e-4 in t·f.
  const { fround } = Math;
  const slope = fround(-Math.log(maxPeriod));
  const frequencies = Array.from({ length: half }, (_, i) =>
    fround(Math.exp(fround(fround(slope * i) / half))),
  );
  const column = g.reshape(g.cast(timesteps, 'float32'), [dimAt(timesteps.shape, 0), 1]);
  const angles = g.mul(column, g.constant(frequencies, [1, half], 'float32'));
  return g.concat([g.op('Cos', [angles]), g.op('Sin', [angles])], 1);
}
