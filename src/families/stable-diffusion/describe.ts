import path from 'node:path';

import type { PredictionWish } from '../../diffusion/prediction-reading.ts';
import { describePart, type ModelDescription } from '../model-description.ts';
import type { ModelFiles } from '../model-files.ts';
import { partsOf, readArchitecture } from './architecture.ts';
import { configOf } from './config-of.ts';

/**
 * Tells what a Stable Diffusion is, from its header and configs; of weights no more is read than tells what
 * it predicts.
 *
 * @throws AppError as `readArchitecture`
 */
export async function describeStableDiffusion(
  file: ModelFiles,
  prediction?: PredictionWish,
): Promise<ModelDescription> {
  const ldmConfig = await configOf(file);
  const { family, refusal, ...architecture } = await readArchitecture(file, ldmConfig, prediction);
  const described = (name: string) =>
    partsOf(architecture)
      .filter((part) => part.name === name)
      .map((part) => describePart(file, part));
  return {
    family,
    parts: {
      unet: described('unet')[0] ?? null,
      textEncoders: described('text encoder'),
      vae: described('vae')[0] ?? null,
    },
    architecture: { ...architecture },
    configFile: ldmConfig ? path.relative(configFolder(file), ldmConfig.path) : null,
    refusal,
  };
}

/** The folder that a model's config is looked for in. */
function configFolder({ layout, path: modelPath }: ModelFiles): string {
  return layout === 'diffusers' ? modelPath : path.dirname(modelPath);
}
