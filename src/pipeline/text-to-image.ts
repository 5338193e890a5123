import { asItIs } from '../adapters/full-weights.ts';
import { guidedRows } from '../diffusion/guidance.ts';
import { type Checkpoint, latentSize } from '../families/checkpoint.ts';
import type { SamplerName } from '../diffusion/samplers/registry.ts';
import type { PixelImage } from '../images/pixels.ts';
import type { Device } from '../runtime/session.ts';
import { TensorSet } from '../runtime/tensor-set.ts';
import { requireEncoded } from '../families/encoded-prompt.ts';
import { imagesAtOnce, sampleLatents } from './sample-latents.ts';
import { UnetSession } from './unet-session.ts';
import { requireWholeLatents } from './whole-latents.ts';

/** One picture to draw. */
export interface ImageRequest {
  readonly prompt: string;
  readonly negativePrompt: string;
  readonly seed: number;
}

export interface ImageSettings {
  readonly width: number;
  readonly height: number;
  readonly steps: number;
  readonly guidanceScale: number;
  readonly sampler: SamplerName;
  /** As `EncodingSettings` has it. */
  readonly clipSkip?: number;
  /** Pictures drawn at once. */
  readonly batch: number;
  readonly device: Device;
  readonly threads: number;
}

/**
 * Draws pictures with a checkpoint, in the order of the requests, a batch at a time.
 *
 * @param onImage called for each picture as soon as it is there
 */
export async function drawPictures<Request extends ImageRequest>(
  checkpoint: Checkpoint,
  requests: readonly Request[],
  settings: ImageSettings,
  onImage: (image: PixelImage, request: Request) => Promise<void>,
): Promise<void> {
  const { width, height, device, threads, batch } = settings;
  const prompts = requests.flatMap(({ prompt, negativePrompt }) => [prompt, negativePrompt]);
  const { prompts: encoded, tokens } = await checkpoint.condition.encode(prompts, {
    device,
    threads,
    ...(settings.clipSkip !== undefined && { clipSkip: settings.clipSkip }),
  });
  const { steps, guidanceScale, sampler } = settings;
  const shape = {
    batch: guidedRows(guidanceScale) * Math.min(batch, requests.length),
    ...latentSize(checkpoint, { width, height }),
    contextTokens: tokens,
  };
  const { process } = checkpoint;
  const unet = await UnetSession.create(checkpoint, {
    shape,
    adaptation: asItIs(checkpoint),
    device,
    threads,
  });
  const decoder = await checkpoint.codec.openDecoder({ width, height, device, threads });
  try {
    const group = imagesAtOnce(unet, guidanceScale);
    for (let start = 0; start < requests.length; start += group) {
      const chunk = requests.slice(start, start + group);
      const latents = await sampleLatents(
        unet,
        new TensorSet(),
        chunk.map(({ prompt, negativePrompt, seed }) => ({
          prompt: requireEncoded(encoded, prompt),
          unconditional: checkpoint.condition.unconditional(encoded, negativePrompt),
          seed,
        })),
        { steps, guidanceScale, sampler, process },
      );
      for (const [i, request] of chunk.entries()) {
        const latent = latents[i];
        if (!latent) continue;
        requireWholeLatents(checkpoint, latent, request.prompt);
        await onImage(await decoder.decode(latent), request);
      }
    }
  } finally {
    await unet.release();
    await decoder.release();
  }
}
