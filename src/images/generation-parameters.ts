import { type SamplerName, samplerParts } from '../diffusion/samplers/registry.ts';
import { a1111Names } from '../diffusion/samplers/sampler-names.ts';

/** How a picture was made, as the hosts record it in the picture. */
export interface GenerationParameters {
  prompt: string;
  negativePrompt?: string;
  steps: number;
  sampler: SamplerName;
  guidanceScale: number;
  /** Left out for the model's own. */
  clipSkip?: number;
  seed: number;
  width: number;
  height: number;
  /** The checkpoint's file name without extension. */
  model: string;
}

/**
 * The text that AUTOMATIC1111 writes under the keyword `parameters` and every host reads back
 * (`create_infotext` in modules/processing.py of stable-diffusion-webui 1.10): the prompt, the
 * negative prompt if there is one, and a line of settings.
 */
export function formatGenerationParameters(parameters: GenerationParameters): string {
  const { prompt, negativePrompt, steps, guidanceScale, seed, clipSkip = 1 } = parameters;
  const { scheduler } = a1111Names(parameters.sampler);
  const settings = {
    Steps: steps,
    Sampler: samplerParts(parameters.sampler).solver,
    ...(scheduler !== 'Automatic' && { 'Schedule type': scheduler }),
    'CFG scale': guidanceScale,
    Seed: seed,
    Size: `${parameters.width}x${parameters.height}`,
    Model: parameters.model,
    ...(clipSkip > 1 && { 'Clip skip': clipSkip }),
  };
  const line = Object.entries(settings)
    .map(([name, value]) => `${name}: ${quote(String(value))}`)
    .join(', ');
  return [prompt, ...(negativePrompt ? [`Negative prompt: ${negativePrompt}`] : []), line].join(
    '\n',
  );
}

/** A value that holds a separator is written as a JSON string (`quote` of infotext_utils.py). */
function quote(value: string): string {
  return /[,:\n]/.test(value) ? JSON.stringify(value) : value;
}
