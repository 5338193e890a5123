import { createNoiseSchedule } from '../../diffusion/noise-schedule.ts';
import { VariancePreserving } from '../../diffusion/variance-preserving.ts';
import { AppError } from '../../errors.ts';
import type { Checkpoint, Codec, Family, LoraConventions, ModelFacts } from '../family.ts';
import type { Companions } from '../companions.ts';
import { requireFiniteWeights } from '../../checkpoint/nan-scan.ts';
import {
  type Architecture,
  latentFactor,
  partsOf,
  readArchitecture,
  vaePart,
} from './architecture.ts';
import { createCondition } from './condition.ts';
import { createDenoiser } from './denoiser.ts';
import { describeStableDiffusion } from './describe.ts';
import { stableDiffusionFiles } from './files.ts';
import { latentScale, nativeSize } from './image-size.ts';
import { configOf } from './config-of.ts';
import { type LearnedWord, readLearnedWord } from './learned-words.ts';
import { loraLayerNames } from './lora-names.ts';
import { loraTargets } from './lora-targets.ts';
import type { Opened } from './opened.ts';
import { trainedNames } from './parameter-groups.ts';
import { recognizeVersion } from './recognize.ts';
import { findVaeBeside, type OpenVae, openVae } from './vae-file.ts';
import { versionOf } from './version.ts';

/** Stable Diffusion 1.x, 2.x and XL, pruned ones included; what they do otherwise is data. */
export const stableDiffusion: Family = {
  id: 'stable-diffusion',
  files: stableDiffusionFiles,

  recognise: (tensors) => {
    const version = recognizeVersion(tensors);
    return version && { version };
  },

  open: async (file, prediction, companions) => {
    const ldmConfig = await configOf(file);
    const architecture = await readArchitecture(file, ldmConfig, prediction);
    const words: LearnedWord[] = [];
    for (const embedding of companions?.embeddings ?? []) {
      words.push(await readLearnedWord(embedding, architecture));
    }
    const model = { file, ldmConfig, architecture, words };
    return assemble({ ...model, vae: await vaeFor(model, companions ?? {}) });
  },

  describe: describeStableDiffusion,
};

/** The VAE that was given, else the model's own, else what there is for a model without. */
async function vaeFor(
  { file, ldmConfig, architecture }: Pick<Opened, 'file' | 'ldmConfig' | 'architecture'>,
  { vae, vaeIfNone }: Companions,
): Promise<OpenVae | null> {
  const { family, unet, vae: own } = architecture;
  if (vae == null && own) return { file, config: own };
  const given = vae ?? vaeIfNone ?? (await findVaeBeside(file.path));
  if (given === null) return null;
  const scaleFactor = latentFactor(versionOf(family), ldmConfig);
  return openVae(given, { own, scaleFactor, latentChannels: unet.outChannels });
}

/** An open Stable Diffusion, with what its own parts are made from. */
export interface StableDiffusion extends Checkpoint, Opened {}

function assemble(opened: Opened): StableDiffusion {
  const { file, architecture, vae } = opened;
  return {
    ...opened,
    process: processOf(architecture),
    denoiser: createDenoiser(opened),
    condition: createCondition(opened),
    codec: codecOf(opened),
    groups: { namesOf: (group) => trainedNames(file.tensors.keys(), group) },
    lora: loraConventionsOf(opened),
    facts: factsOf(opened),
    parts: partsOf(architecture),
    withChanges: (changes) => assemble({ ...opened, changes }),
    close: async () => {
      await file.close();
      if (vae && vae.file !== file) await vae.file.close();
    },
  };
}

function processOf({ diffusion }: Architecture): VariancePreserving {
  const { betaStart, betaEnd, timesteps, zeroTerminalSnr, predictionType } = diffusion;
  const schedule = { linearStart: betaStart, linearEnd: betaEnd, timesteps, zeroTerminalSnr };
  return new VariancePreserving(createNoiseSchedule(schedule), predictionType);
}

function codecOf(opened: Opened): Codec {
  const { file, vae } = opened;
  return {
    scale: latentScale(opened),
    source: vae && { file: vae.file, part: vaePart(vae.config) },
    isMissing: vae === null,
    async requireFitting(place) {
      if (!vae || vae.file === file) return;
      await requireFiniteWeights(vae.file);
      const { requireLatentSpace } = await import('./latent-space.ts');
      await requireLatentSpace(vae, place);
    },
    async openEncoder(settings) {
      const { ImageEncoder } = await import('./autoencoder.ts');
      return ImageEncoder.create(requireVae(opened), settings);
    },
    async openDecoder(settings) {
      const { ImageDecoder } = await import('./autoencoder.ts');
      return ImageDecoder.create(requireVae(opened), settings);
    },
  };
}

function requireVae({ file, vae }: Opened): OpenVae {
  if (vae) return vae;
  throw new AppError('model.unsupported', `"${file.path}" was opened without a VAE.`);
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
  const { architecture, ldmConfig } = opened;
  const { family, diffusion, prediction, refusal } = architecture;
  const { predictionType, zeroTerminalSnr } = diffusion;
  return {
    title: versionOf(family).title,
    nativeSize: nativeSize(opened),
    sizeStep: latentScale(opened),
    tensors: partsOf(architecture).flatMap(({ shapes }) => [...shapes.keys()]),
    prediction: { predictionType, zeroTerminalSnr, ...prediction },
    sampler: ldmConfig?.sampler ?? null,
    refusal,
  };
}
