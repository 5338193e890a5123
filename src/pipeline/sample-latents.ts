import { guide, guidedRows } from '../diffusion/guidance.ts';
import type { Process } from '../diffusion/process.ts';
import type { SamplerName } from '../diffusion/samplers/registry.ts';
import { elementCount } from '../tensor/shape.ts';
import { createGenerator } from '../tensor/random.ts';
import { joinRows, splitRows } from '../tensor/rows.ts';
import type { TensorSet } from '../runtime/tensor-set.ts';
import type { LatentSize } from '../families/family.ts';
import type { EncodedPrompt } from '../families/encoded-prompt.ts';
import { predictRows } from './predict-rows.ts';
import type { UnetSession } from './unet-session.ts';

/** One picture to draw. */
export interface LatentRequest {
  readonly prompt: EncodedPrompt;
  /** What guidance leads away from: the negative or the empty prompt. */
  readonly unconditional: EncodedPrompt;
  /**
   * The start noise is torch.randn on the CPU with this seed, as ComfyUI draws it; what samplers add is
   * drawn on from there, as AUTOMATIC1111 does with that source of noise.
   */
  readonly seed: number;
}

export interface LatentSettings {
  readonly steps: number;
  readonly guidanceScale: number;
  readonly sampler: SamplerName;
  readonly process: Process;
  /** Of the latents. Default: the session's usual one. */
  readonly size?: LatentSize;
}

/** How many pictures a session draws at once. */
export function imagesAtOnce({ shape }: UnetSession, guidanceScale: number): number {
  return Math.max(1, Math.floor(shape.batch / guidedRows(guidanceScale)));
}

/** Draws up to `imagesAtOnce` pictures: float32 [C, h, w] each, scaled as the UNet gives them. */
export async function sampleLatents(
  unet: UnetSession,
  parameters: TensorSet,
  requests: readonly LatentRequest[],
  settings: LatentSettings,
): Promise<Float32Array[]> {
  const size = elementCount(unet.latentShapeOf(settings.size).slice(1));
  const generators = requests.map(({ seed }) => createGenerator(seed));
  const drawNoise = () => joinRows(generators.map((generator) => generator.randn(size)));
  const { process, sampler, steps, guidanceScale } = settings;
  const isGuided = guidedRows(guidanceScale) > 1;
  const prompts = [
    ...(isGuided ? requests.map(({ unconditional }) => unconditional) : []),
    ...requests.map(({ prompt }) => prompt),
  ];
  const latents = await process.sample({
    sampler,
    noise: drawNoise(),
    drawNoise,
    steps,
    predict: async (current, timestep) => {
      const images = splitRows(current, size);
      const rows = prompts.flatMap((prompt, i) => {
        const sample = images[i % images.length];
        return sample ? [{ sample, prompt, timestep }] : [];
      });
      const predictions = await predictRows(unet, parameters, rows, settings.size);
      if (!isGuided) return joinRows(predictions);
      const count = requests.length;
      const [away, towards] = [predictions.slice(0, count), predictions.slice(count)];
      return joinRows(towards.map((cond, i) => guide(away[i] ?? cond, cond, guidanceScale)));
    },
  });
  return splitRows(latents, size);
}
