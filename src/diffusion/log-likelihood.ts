import { elementAt } from '../element-at.ts';
import { linearCombination } from './linear-combination.ts';
import { alphaCumprodAt, type NoiseSchedule } from './noise-schedule.ts';
import type { Predict } from './samplers/sampler.ts';
import type { VariancePreserving } from './variance-preserving.ts';

/** Clean latents whose likelihood is asked for. */
export interface LikelihoodRequest {
  /** x_0: float32 [N, C, H, W] */
  readonly x0: Float32Array;
  /** +1 or −1 for each entry, which the trace of the Jacobian is estimated with: float32 [N, C, H, W] */
  readonly probes: Float32Array;
  /** N */
  readonly count: number;
  /** So many timesteps are visited, or all that the schedule has. */
  readonly levels: number;
  readonly process: Pick<VariancePreserving, 'schedule' | 'toNoise'>;
  readonly predict: Predict;
}

/**
 * How far a probe moves the latents, as a share of their noise. On a model of random weights 0.03 was off by 0.008 bits a
 * dimension, 0.01 by 0.001, 0.003 and 0.001 by 0.0001 and less.
 */
const PROBE_SHARE = 0.002;

/**
 * ln p(x_0) of each sample under a model, by the probability-flow ODE (Eq. 13 and 39, Song et al. 2021; Hutchinson's
 * estimate of the trace, Eq. 40). Over σ = √((1 − ā)/ā), with x̄ = x/√ā, it is DDIM's dx̄/dσ = ε (Eq. 14, Song et al.
 * 2021, "Denoising diffusion implicit models"); ln p(x̄) changes by −tr ∂ε/∂x̄ along it, and at its end x̄ is normal
 * with the variance 1 + σ².
 *
 * Heun's method takes x̄ from level to level; the trace is summed by trapezoids over ln σ, in which it is smooth.
 * vᵀ(∂ε/∂x)v is a central difference along the probe v.
 *
 * @returns float64 [N], in nats
 */
export async function logLikelihood(request: LikelihoodRequest): Promise<Float64Array> {
  const { x0, probes, count, process, predict } = request;
  const { schedule } = process;
  const size = x0.length / count;
  const noiseAt = async (xBar: Float32Array, timestep: number, moved = 0) => {
    const alphaCumprod = alphaCumprodAt(schedule, timestep);
    const latents = linearCombination(Math.sqrt(alphaCumprod), xBar, moved, probes);
    return process.toNoise({ output: await predict(latents, timestep), latents, alphaCumprod });
  };
  const traceAt = async (xBar: Float32Array, timestep: number) => {
    const alphaCumprod = alphaCumprodAt(schedule, timestep);
    const moved = PROBE_SHARE * Math.sqrt(1 - alphaCumprod);
    const [ahead, behind] = [
      await noiseAt(xBar, timestep, moved),
      await noiseAt(xBar, timestep, -moved),
    ];
    // Of ∂ε/∂x̄ = √ā ∂ε/∂x, times σ: dσ = σ d ln σ.
    const scale = (Math.sqrt(alphaCumprod) * sigmaAt(schedule, timestep)) / (2 * moved);
    return rowSums(count, size, (i) => scale * (probes[i] ?? 0) * difference(ahead, behind, i));
  };

  const timesteps = likelihoodTimesteps(schedule, request.levels);
  const first = elementAt(timesteps, 0);
  const scale = 1 / Math.sqrt(alphaCumprodAt(schedule, first));
  let xBar: Float32Array = x0.map((value) => scale * value);
  let trace = await traceAt(xBar, first);
  // p(x_0) = p(x̄_0)·√ā_0^-D
  const sums = new Float64Array(count).fill(size * Math.log(scale));
  for (const [i, timestep] of timesteps.slice(0, -1).entries()) {
    const next = elementAt(timesteps, i + 1);
    const [from, to] = [sigmaAt(schedule, timestep), sigmaAt(schedule, next)];
    const start = await noiseAt(xBar, timestep);
    const reached = linearCombination(1, xBar, to - from, start);
    const end = await noiseAt(reached, next);
    const mean = linearCombination(0.5, start, 0.5, end);
    xBar = linearCombination(1, xBar, to - from, mean);
    const nextTrace = await traceAt(xBar, next);
    for (let row = 0; row < count; row++) {
      const both = (trace[row] ?? 0) + (nextTrace[row] ?? 0);
      sums[row] = (sums[row] ?? 0) + (both / 2) * Math.log(to / from);
    }
    trace = nextTrace;
  }
  const variance = 1 + sigmaAt(schedule, elementAt(timesteps, timesteps.length - 1)) ** 2;
  const squares = rowSums(count, size, (i) => (xBar[i] ?? 0) ** 2);
  return sums.map(
    (sum, row) =>
      sum - (size / 2) * Math.log(2 * Math.PI * variance) - (squares[row] ?? 0) / (2 * variance),
  );
}

/** Bits that a pixel's value of 256 takes on average under a model: of x_0 from −1 to 1, made continuous by noise of a value's width. */
export function bitsPerDimension(nats: number, dimensions: number): number {
  return -nats / dimensions / Math.LN2 + Math.log2(128);
}

/** +1 or −1 with equal chances, from standard normal numbers. */
export function signsOf(normal: Float32Array): Float32Array {
  return normal.map((value) => (value < 0 ? -1 : 1));
}

/** √((1 − ā)/ā) */
function sigmaAt(schedule: NoiseSchedule, timestep: number): number {
  const alphaCumprod = alphaCumprodAt(schedule, timestep);
  return Math.sqrt((1 - alphaCumprod) / alphaCumprod);
}

/**
 * About so many timesteps from the first to the last that has signal, as evenly spaced in ln σ as the schedule has
 * them: rising, counted from 0.
 */
export function likelihoodTimesteps(schedule: NoiseSchedule, levels: number): number[] {
  const { alphasCumprod } = schedule;
  const last = alphasCumprod.findLastIndex((value) => value > 0);
  const logs = Array.from({ length: last + 1 }, (_, t) => Math.log(sigmaAt(schedule, t)));
  const [low, high] = [elementAt(logs, 0), elementAt(logs, last)];
  const wanted = Array.from(
    { length: levels },
    (_, i) => low + ((high - low) * i) / Math.max(1, levels - 1),
  );
  const nearest = wanted.map((level) =>
    logs.reduce(
      (best, log, t) =>
        Math.abs(log - level) < Math.abs(elementAt(logs, best) - level) ? t : best,
      0,
    ),
  );
  return [...new Set([...nearest, last])].sort((a, b) => a - b);
}

function difference(a: Float32Array, b: Float32Array, i: number): number {
  return (a[i] ?? 0) - (b[i] ?? 0);
}

function rowSums(count: number, size: number, valueOf: (index: number) => number): Float64Array {
  return Float64Array.from({ length: count }, (_, row) => {
    let sum = 0;
    for (let i = row * size; i < (row + 1) * size; i++) sum += valueOf(i);
    return sum;
  });
}
