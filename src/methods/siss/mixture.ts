import type { Process } from '../../diffusion/process.ts';
import { joinRows } from '../../tensor/rows.ts';
import type { MixtureBatch } from './step.ts';

/** One row of a mixture: a picture to keep and one to forget, of which one is noised. */
export interface MixedRow {
  /** x₀ of each: float32 [C, h, w]; null where no picture has the size of the one that is noised. */
  readonly retain: Float32Array | null;
  readonly forget: Float32Array | null;
  /** Which of the two the noisy latent is made of. */
  readonly isForget: boolean;
  /** Whether the two have one caption: else a noisy latent with its caption is none of the other's. */
  readonly isSameCaption: boolean;
  /** 0-based */
  readonly timestep: number;
}

/** What a mixture's rows have in common. */
export interface MixtureSettings {
  readonly process: Process;
  /** λ, the share of noisy latents that are made of pictures to forget. */
  readonly mixture: number;
}

/**
 * Noisy latents and, for both of each row's pictures, the answer that leads from it there and
 * how much that counts (Section 4, arXiv 2503.01034).
 *
 * @param noise standard normal: float32 [N, C, h, w]
 */
export function mixRows(
  rows: readonly MixedRow[],
  noise: Float32Array,
  { process, mixture }: MixtureSettings,
): Omit<MixtureBatch, 'prompts'> {
  const timesteps = rows.map(({ timestep }) => timestep);
  const noisedOf = ({ isForget, retain, forget }: MixedRow) => {
    const own = isForget ? forget : retain;
    if (!own) throw new RangeError('a row has no picture to noise');
    return own;
  };
  const noised = joinRows(rows.map(noisedOf));
  const retain = joinRows(rows.map((row) => row.retain ?? noisedOf(row)));
  const forget = joinRows(rows.map((row) => row.forget ?? noisedOf(row)));
  const noisyLatents = process.noise({ x0: noised, noise, timesteps });
  const towardsRetain = process.noiseBetween({ x0: retain, noisyLatents, timesteps });
  const towardsForget = process.noiseBetween({ x0: forget, noisyLatents, timesteps });
  const weights = rows.map(({ isForget, isSameCaption }, row) =>
    importanceWeights(
      {
        retainDistance:
          isForget && !isSameCaption ? Infinity : distance(towardsRetain, row, rows.length),
        forgetDistance:
          isForget || isSameCaption ? distance(towardsForget, row, rows.length) : Infinity,
      },
      mixture,
    ),
  );
  const target = (x0: Float32Array, towards: Float32Array) =>
    process.target({ x0, noise: towards, timesteps });
  return {
    noisyLatents,
    timesteps,
    retain: {
      target: target(retain, towardsRetain),
      weights: weights.map((weight) => weight.retain),
    },
    forget: {
      target: target(forget, towardsForget),
      weights: weights.map((weight) => weight.forget),
    },
  };
}

/**
 * A mixture whose pictures to keep are held to what the original model predicts, except where their
 * caption is forgotten too: there the original predicts what shall go.
 *
 * @param prediction the original's, at the batch: float32 [N, C, h, w]
 * @param isForgotten whether the caption of each row's picture to keep is one of a picture to forget
 */
export function holdToOriginal(
  batch: MixtureBatch,
  prediction: Float32Array,
  isForgotten: readonly boolean[],
): MixtureBatch {
  const size = prediction.length / isForgotten.length;
  const target = prediction.map((value, i) =>
    isForgotten[Math.floor(i / size)] ? (batch.retain.target[i] ?? Number.NaN) : value,
  );
  return { ...batch, retain: { ...batch.retain, target } };
}

/** −ln q(x_t|x₀) up to a constant, from the noise between the two: half its square. */
function distance(noise: Float32Array, row: number, rows: number): number {
  const size = noise.length / rows;
  let sum = 0;
  for (let i = row * size; i < (row + 1) * size; i++) sum += (noise[i] ?? 0) ** 2;
  return sum / 2;
}

/** What a noisy latent counts in the losses of both sources: importance weights. */
export interface ImportanceWeights {
  readonly retain: number;
  readonly forget: number;
}

/**
 * The weights of a sample of the mixture (1 − λ)·q(·|x) + λ·q(·|a), x a picture to keep and a one to
 * forget: q(m|x) and q(m|a), each divided by the mixture's density at m (Eq. 10, arXiv 2503.01034).
 *
 * @param retainDistance −ln q(m|x) up to a constant: half the square of the noise between them
 * @param forgetDistance the same of a; infinite where m cannot come from it
 * @param mixture λ, from 0 to 1
 */
export function importanceWeights(
  { retainDistance, forgetDistance }: { retainDistance: number; forgetDistance: number },
  mixture: number,
): ImportanceWeights {
  // q(m|a)/q(m|x); where it leaves the range of numbers one weight is 0, the other at its largest.
  const ratio = Math.exp(retainDistance - forgetDistance);
  return {
    retain: 1 / (1 - mixture + mixture * ratio),
    forget: 1 / ((1 - mixture) / ratio + mixture),
  };
}
