import { z } from 'zod';

import { textPartOf } from '../clip-config.ts';
import { type Expected, required, requireExpected } from './expected.ts';

/**
 * What a CLIP text encoder has of the things that its config may say and its tensors do not tell.
 * Sizes, layers and the activation are read by `readClipSettings`.
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
