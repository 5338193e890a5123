import { z } from 'zod';

import { AppError } from '../../../errors.ts';
import { textPartOf } from '../clip-config.ts';
import type { ModelTokenizer } from '../model-tokenizer.ts';
import { type Expected, required, requireExpected } from './expected.ts';

/**
 * What a CLIP text encoder has of the things that its config may say and its tensors do not tell.
 * Sizes, layers and the activation are read by `readClipConfig`.
 */
const textExpected: Expected = {
  architectures: ['CLIPTextModel', 'CLIPTextModelWithProjection', 'CLIPModel', null],
  _class_name: ['CLIPTextModel', null],
  model_type: ['clip_text_model', 'clip', null],
  quantization_config: [null],
  // With it diffusers hides the padding from the text encoder.
  use_attention_mask: [false, null],
};

/**
 * Refuses the config of a text encoder that is computed in another way than CLIP's.
 *
 * @throws AppError `model.unsupported`, `checkpoint.damaged`, `checkpoint.config`
 */
export async function requireTextEncoder(configPath: string): Promise<void> {
  const config = await required(configPath, z.looseObject({}));
  requireExpected(configPath, config, textExpected);
  const part = z.looseObject({}).safeParse(textPartOf(config));
  if (part.success) requireExpected(configPath, part.data, textExpected);
}

/** Defaults are those of the config's class. */
const poolingSchema = z.preprocess(
  textPartOf,
  z.looseObject({
    projection_dim: z.int().min(1).max(1_000_000).default(512),
    eos_token_id: z.int().min(0).default(49407),
  }),
);

/** In configs of CLIP's first versions, by which transformers takes the place of the highest id. */
const LEGACY_END = 2;

/**
 * How wide a text encoder's projection of a whole prompt is. The prompt is read at its end token.
 *
 * @throws AppError `checkpoint.config` where transformers would read it at another place
 */
export async function readPooling(
  configPath: string,
  { endId, idCount, folder }: ModelTokenizer,
): Promise<{ readonly projection: number }> {
  const { projection_dim: projection, eos_token_id: end } = await required(
    configPath,
    poolingSchema,
  );
  const isAtEnd = end === LEGACY_END ? idCount === endId + 1 : end === endId;
  if (isAtEnd) return { projection };
  throw new AppError(
    'checkpoint.config',
    `"${configPath}" sets eos_token_id to ${end}, by which a whole prompt is not read at its end, which is ${endId} in "${folder}". Set it to ${endId}.`,
  );
}
