import { asItIs } from '../../adapters/full-weights.ts';
import { bitsPerDimension, logLikelihood, signsOf } from '../../diffusion/log-likelihood.ts';
import { VariancePreserving } from '../../diffusion/variance-preserving.ts';
import { elementAt } from '../../element-at.ts';
import { AppError } from '../../errors.ts';
import { type Checkpoint, latentSize } from '../../families/checkpoint.ts';
import { requireEncoded } from '../../families/encoded-prompt.ts';
import type { RunPlace } from '../../families/family.ts';
import { predictRows } from '../../pipeline/predict-rows.ts';
import { UnetSession } from '../../pipeline/unet-session.ts';
import { TensorSet } from '../../runtime/tensor-set.ts';
import { createGenerator, seedFor } from '../../tensor/random.ts';
import { elementCount } from '../../tensor/shape.ts';
import { joinRows, splitRows } from '../../tensor/rows.ts';

/** A picture and what it is asked under. */
export interface JudgedPicture {
  /** Of 256 values: float32 [C, H, W], from −1 to 1 */
  readonly pixels: Float32Array;
  readonly prompt: string;
}

/** How a likelihood is found. */
export interface LikelihoodSettings extends RunPlace {
  /** Timesteps that are visited. */
  readonly levels: number;
  /** Decides the probes, and where within a value's width each pixel lies. */
  readonly seed: number;
  readonly signal: AbortSignal;
  /** @param done pictures so far */
  readonly onProgress?: (done: number) => void;
}

/** Pictures that are asked about at once. */
const ROWS = 16;

/**
 * Bits per dimension of pictures under a pixel-space model. The same seed asks two models with the same probes, so
 * that what differs is theirs.
 *
 * @returns a number a picture; lower is likelier
 * @throws the signal's reason; AppError `model.unsupported` for a model that does not work on pixels, `device.*`
 */
export async function pictureLikelihoods(
  checkpoint: Checkpoint,
  pictures: readonly JudgedPicture[],
  settings: LikelihoodSettings,
): Promise<number[]> {
  const { process } = checkpoint;
  if (checkpoint.condition.asks.kind === 'words' || !(process instanceof VariancePreserving)) {
    throw new AppError(
      'model.unsupported',
      'how likely pictures are can be told of pixel-space models alone: this one works on what a VAE makes of them.',
    );
  }
  const { device, threads, seed, levels, signal } = settings;
  const side = checkpoint.facts.nativeSize;
  const { prompts, tokens } = await checkpoint.condition.encode(
    pictures.map(({ prompt }) => prompt),
    { device, threads },
  );
  const unet = await UnetSession.create(checkpoint, {
    shape: {
      batch: Math.min(ROWS, pictures.length),
      ...latentSize(checkpoint, { width: side, height: side }),
      contextTokens: tokens,
    },
    adaptation: asItIs(checkpoint),
    ...{ device, threads },
  });
  try {
    const size = elementCount(unet.latentShape.slice(1));
    const bits: number[] = [];
    while (bits.length < pictures.length) {
      const group = pictures.slice(bits.length, bits.length + ROWS);
      const drawn = group.map((_, i) =>
        createGenerator(seedFor(seed, 'likelihood', bits.length + i)),
      );
      const nats = await logLikelihood({
        x0: joinRows(
          group.map(({ pixels }, i) => continuous(pixels, elementAt(drawn, i).uniform(size))),
        ),
        probes: signsOf(joinRows(drawn.map((generator) => generator.randn(size)))),
        ...{ count: group.length, levels, process },
        predict: async (latents, timestep) => {
          signal.throwIfAborted();
          const rows = splitRows(latents, size).map((sample, i) => ({
            ...{ sample, timestep },
            prompt: requireEncoded(prompts, elementAt(group, i).prompt),
          }));
          return joinRows(await predictRows(unet, new TensorSet(), rows));
        },
      });
      bits.push(...[...nats].map((value) => bitsPerDimension(value, size)));
      settings.onProgress?.(bits.length);
    }
    return bits;
  } finally {
    await unet.release();
  }
}

/** Values of 0 to 255 at any place within their width: (v + u)/128 − 1. */
function continuous(pixels: Float32Array, within: Float32Array): Float32Array {
  return pixels.map((value, i) => (Math.round((value + 1) * 127.5) + (within[i] ?? 0)) / 128 - 1);
}
