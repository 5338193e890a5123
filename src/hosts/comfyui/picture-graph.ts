import { comfyNames } from '../../diffusion/samplers/sampler-names.ts';
import type { PictureRequest } from '../host.ts';

/** The node whose output is the picture. */
export const PICTURE_NODE = '7';

/** A prompt that draws a picture with a checkpoint and leaves nothing in the output folder. */
export function pictureGraph(
  checkpoint: string,
  {
    prompt,
    negativePrompt,
    seed,
    steps,
    guidanceScale,
    sampler,
    width,
    height,
    lora,
    clipSkip = 1,
  }: PictureRequest,
): object {
  const clip = clipSkip === 1 ? ['1', 1] : ['9', 0];
  return {
    '1': { class_type: 'CheckpointLoaderSimple', inputs: { ckpt_name: checkpoint } },
    '2': { class_type: 'CLIPTextEncode', inputs: { text: prompt, clip } },
    '3': { class_type: 'CLIPTextEncode', inputs: { text: negativePrompt, clip } },
    '4': { class_type: 'EmptyLatentImage', inputs: { width, height, batch_size: 1 } },
    '5': {
      class_type: 'KSampler',
      inputs: {
        model: lora ? ['8', 0] : ['1', 0],
        positive: ['2', 0],
        negative: ['3', 0],
        latent_image: ['4', 0],
        seed,
        steps,
        cfg: guidanceScale,
        ...comfyNames(sampler),
        denoise: 1,
      },
    },
    '6': { class_type: 'VAEDecode', inputs: { samples: ['5', 0], vae: ['1', 2] } },
    ...(lora && {
      '8': {
        class_type: 'LoraLoaderModelOnly',
        inputs: { model: ['1', 0], lora_name: lora.name, strength_model: lora.strength },
      },
    }),
    ...(clipSkip !== 1 && {
      '9': {
        class_type: 'CLIPSetLastLayer',
        inputs: { clip: ['1', 1], stop_at_clip_layer: -clipSkip },
      },
    }),
    [PICTURE_NODE]: { class_type: 'PreviewImage', inputs: { images: ['6', 0] } },
  };
}
