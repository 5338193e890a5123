import { createNoiseSchedule } from '../../diffusion/noise-schedule.ts';
import { VariancePreserving } from '../../diffusion/variance-preserving.ts';
import type { Checkpoint, Codec, Family, LoraConventions, ModelFacts } from '../family.ts';
import type { ModelFiles } from '../model-files.ts';
import { type Architecture, modelShapes, readArchitecture } from './architecture.ts';
import { createCondition } from './condition.ts';
import { createDenoiser } from './denoiser.ts';
import { latentScale, nativeSize } from './image-size.ts';
import { type LdmConfig, readLdmConfig } from './ldm-config.ts';
import { loraLayerNames } from './lora-names.ts';
import { loraTargets } from './lora-targets.ts';
import type { Opened } from './opened.ts';
import { trainedNames } from './parameter-groups.ts';
import { recognize } from './recognize.ts';
import { versionOf } from './version.ts';

/** Stable Diffusion 1.x, 2.x and XL, pruned ones included; what they do otherwise is data. */
export const stableDiffusion: Family = {
  id: 'stable-diffusion',

  recognise: (tensors) => {
    const recognition = recognize(tensors);
    return recognition.kind === 'checkpoint' ? { version: recognition.family } : null;
  },

  open: async (file, prediction) => {
    const ldmConfig = await configOf(file);
    const architecture = await readArchitecture(file, ldmConfig, prediction);
    return assemble({ file, ldmConfig, architecture });
  },
};

/**
 * What the configs say that belong to a model, in the words of an LDM config; undefined if none does.
 *
 * @throws AppError `checkpoint.config`
 */
export async function configOf(file: ModelFiles): Promise<LdmConfig | undefined> {
  return file.layout === 'diffusers' ? file.ldmConfig : readLdmConfig(file.path);
}

function assemble(opened: Opened): Checkpoint {
  const { file, architecture } = opened;
  return {
    ...opened,
    process: processOf(architecture),
    denoiser: createDenoiser(architecture),
    condition: createCondition(opened),
    codec: codecOf(opened),
    groups: { namesOf: (group) => trainedNames(file.tensors.keys(), group) },
    lora: loraConventionsOf(opened),
    facts: factsOf(opened),
  };
}

function processOf({ diffusion }: Architecture): VariancePreserving {
  const { betaStart, betaEnd, timesteps, zeroTerminalSnr, predictionType } = diffusion;
  const schedule = { linearStart: betaStart, linearEnd: betaEnd, timesteps, zeroTerminalSnr };
  return new VariancePreserving(createNoiseSchedule(schedule), predictionType);
}

function codecOf(opened: Opened): Codec {
  return {
    scale: latentScale(opened),
    async openEncoder(settings) {
      const { ImageEncoder } = await import('./autoencoder.ts');
      return ImageEncoder.create(opened, settings);
    },
    async openDecoder(settings) {
      const { ImageDecoder } = await import('./autoencoder.ts');
      return ImageDecoder.create(opened, settings);
    },
  };
}

function loraConventionsOf(opened: Opened): LoraConventions {
  const { family, unet, diffusion } = opened.architecture;
  const { loraBase, modelspec } = versionOf(family);
  return {
    metadata: {
      // As Python writes it, which readers compare with.
      ss_v2: loraBase === 'sd_v2' ? 'True' : 'False',
      ss_base_model_version: loraBase,
      'modelspec.sai_model_spec': '1.0.0',
      'modelspec.architecture': `${modelspec(diffusion.predictionType)}/lora`,
      'modelspec.prediction_type': diffusion.predictionType === 'epsilon' ? 'epsilon' : 'v',
      'modelspec.resolution': `${nativeSize(opened)}x${nativeSize(opened)}`,
    },
    layerNames: (layers) => loraLayerNames(unet, layers),
    targets: () => loraTargets(opened),
  };
}

function factsOf(opened: Opened): ModelFacts {
  const { architecture } = opened;
  const { family, unet, diffusion, prediction, refusal } = architecture;
  const { predictionType, zeroTerminalSnr } = diffusion;
  return {
    title: versionOf(family).title,
    nativeSize: nativeSize(opened),
    // The UNet halves the latents at every level but the last and must meet them again on the way up.
    sizeStep: latentScale(opened) * 2 ** (unet.channelMult.length - 1),
    tensors: [...modelShapes(architecture)].map(([name]) => name),
    prediction: { predictionType, zeroTerminalSnr, ...prediction },
    refusal,
  };
}
