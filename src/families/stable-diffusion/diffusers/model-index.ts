import path from 'node:path';
import { z } from 'zod';

import { MODEL_INDEX } from '../../folder/model-index.ts';
import { type Version, versionOf } from '../version.ts';
import { required, unsupported, useStableDiffusion } from './expected.ts';

/** A component as the index names it: its library and class, both null where it is left out. */
const component = z.tuple([z.string().nullable(), z.string().nullable()]);
const indexSchema = z.looseObject({
  unet: component.optional(),
  transformer: component.optional(),
  text_encoder: component.optional(),
  text_encoder_2: component.optional(),
  tokenizer: component.optional(),
  tokenizer_2: component.optional(),
  vae: component.optional(),
  scheduler: component.optional(),
  // Its default in the pipeline of SDXL, the only one that has it.
  force_zeros_for_empty_prompt: z.boolean().default(true),
});
type Part = Exclude<keyof typeof indexSchema.shape, 'force_zeros_for_empty_prompt'>;

/** What a model's index says. */
export interface ModelIndex {
  /** The class of a component; null where there is none. */
  readonly classOf: (part: Part) => string | null;
  /** Whether nothing is led away from where there is no negative prompt. */
  readonly zerosEmptyPrompt: boolean;
}

const unetClass = 'UNet2DConditionModel';
const classes = {
  unet: unetClass,
  text_encoder: 'CLIPTextModel',
  text_encoder_2: 'CLIPTextModelWithProjection',
  vae: 'AutoencoderKL',
} as const;

/**
 * Reads the index of a model and refuses one whose components are not those of Stable Diffusion.
 *
 * @throws AppError `model.unsupported`, `checkpoint.damaged`, `checkpoint.config`
 */
export async function readModelIndex(folder: string): Promise<ModelIndex> {
  const index = await required(path.join(folder, MODEL_INDEX), indexSchema);
  const classOf = (part: Part) => index[part]?.[1] ?? null;
  const isXl = classOf('text_encoder_2') !== null;
  if (isXl && classOf('text_encoder') === null && classOf('unet') !== null) {
    throw unsupported(folder, versionOf('sdxl-refiner').refusal ?? '');
  }
  if (classOf('transformer') !== null) {
    throw unsupported(folder, `it has a transformer, no UNet. ${useStableDiffusion}`);
  }
  const { text_encoder_2: second, ...others } = classes;
  for (const [part, expected] of Object.entries(isXl ? classes : others)) {
    const found = classOf(part as keyof typeof classes);
    if (found === expected) continue;
    throw unsupported(
      folder,
      `its model_index.json names ${found === null ? 'nothing' : JSON.stringify(found.slice(0, 80))} as ${part}, where Stable Diffusion has ${expected}. ${useStableDiffusion}`,
    );
  }
  return { classOf, zerosEmptyPrompt: isXl && index.force_zeros_for_empty_prompt };
}

/** Which version a folder has: SDXL has two text encoders, SD 2.x linear layers around its attention. */
export function versionIn({ classOf }: ModelIndex, usesLinearProjection: boolean): Version {
  if (classOf('text_encoder_2') !== null) return versionOf('sdxl');
  return versionOf(usesLinearProjection ? 'sd2' : 'sd1');
}
