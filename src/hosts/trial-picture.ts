import type { PictureRequest } from './host.ts';

/** A picture of the active model that costs a host nearly nothing: SD models go down to 64 pixels. */
export function trialPicture(): PictureRequest {
  return {
    model: null,
    prompt: 'a photo of a cat',
    negativePrompt: '',
    // ComfyUI does not run again what it has run before.
    seed: Math.floor(Math.random() * 2 ** 31),
    steps: 2,
    guidanceScale: 7,
    sampler: 'DPM++ 2M',
    width: 64,
    height: 64,
  };
}
