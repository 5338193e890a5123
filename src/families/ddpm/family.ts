import { elementAt } from '../../element-at.ts';
import type { PredictionReading, PredictionWish } from '../../diffusion/prediction-reading.ts';
import type { TensorTable } from '../../checkpoint/safetensors-header.ts';
import type { Checkpoint, Family, ModelFacts, ModelPart } from '../family.ts';
import type { ModelFiles } from '../model-files.ts';
import { createCondition } from './condition.ts';
import { readPixelUnetConfig } from './config.ts';
import { configFilesOf, configsFor, namedAfter } from './config-files.ts';
import { createDenoiser } from './denoiser.ts';
import { describePixelModel } from './describe.ts';
import { requireLayout } from './layout.ts';
import { loraConventionsOf } from './lora.ts';
import { holdsPixelModel, openPixelFolder } from './open-folder.ts';
import type { Opened } from './opened.ts';
import { trainedNames } from './parameter-groups.ts';
import { createPixelCodec } from './pixel-codec.ts';
import { readScheduler } from './scheduler.ts';

/**
 * Pixel-space diffusion models (Ho et al. 2020), as diffusers' `UNet2DModel`: without a text encoder and
 * without a VAE, asked for one of their classes or for nothing.
 */
export const ddpm: Family = {
  id: 'ddpm',
  files: {
    holdsFolder: holdsPixelModel,
    openFolder: openPixelFolder,
    // A single file is its UNet and nothing else.
    copiesIn: () => ({ names: new Set(), groups: [] }),
    sidecars: configsFor,
    namedAfter,
  },

  recognise: (tensors) => (isPixelUnet(tensors) ? { version: 'ddpm' } : null),

  open: async (file, prediction) => assemble(await openParts(file, prediction)),

  describe: async (file, prediction) => describePixelModel(await openParts(file, prediction)),
};

/** Names that a `UNet2DModel` has all of, and those that only other models with such names have. */
const marks = ['conv_in.weight', 'time_embedding.linear_1.weight', 'conv_out.weight'];
const foreign =
  /transformer_blocks|add_k_proj|add_embedding|encoder_hid|motion_modules|controlnet_/;

function isPixelUnet(tensors: TensorTable): boolean {
  if (!marks.every((name) => tensors.has(name))) return false;
  const names = [...tensors.keys()];
  return (
    names.some((name) => name.startsWith('down_blocks.0.resnets.0.')) &&
    names.some((name) => name.startsWith('up_blocks.0.resnets.0.')) &&
    !names.some((name) => foreign.test(name))
  );
}

async function openParts(
  file: ModelFiles,
  prediction: PredictionWish | PredictionReading | undefined,
): Promise<Opened> {
  const configs = await configFilesOf(file);
  const config = await readPixelUnetConfig(configs.unet);
  const place = { modelPath: file.path, configPath: configs.unet };
  return {
    ...{ file, config, configPath: configs.unet },
    shapes: requireLayout(config, file.tensors, place),
    scheduler: await readScheduler(configs.scheduler, prediction),
  };
}

function assemble(opened: Opened): Checkpoint {
  const { file, changes, config, scheduler } = opened;
  return {
    file,
    ...(changes && { changes }),
    process: scheduler.process,
    denoiser: createDenoiser(config),
    condition: createCondition(config),
    codec: createPixelCodec(config.channels),
    groups: { namesOf: (group) => trainedNames(file.tensors.keys(), group) },
    lora: loraConventionsOf(file),
    facts: factsOf(opened),
    parts: [partOf(opened)],
    withChanges: (added) => assemble({ ...opened, changes: added }),
    close: () => file.close(),
  };
}

function partOf({ config, shapes }: Pick<Opened, 'config' | 'shapes'>): ModelPart {
  return { name: 'unet', config, shapes };
}

/** Where a config says no size: what its authors' smallest data has. */
const USUAL_SIZE = 32;

function factsOf({ config, shapes, scheduler }: Opened): ModelFacts {
  const { sampleSize, widths, classes } = config;
  const step = 2 ** (widths.length - 1);
  const side = Math.max(sampleSize?.height ?? USUAL_SIZE, sampleSize?.width ?? USUAL_SIZE);
  const asked = { none: '', table: ' with classes', timestep: ' with classes' }[classes.kind];
  return {
    title: `DDPM${asked}`,
    // Pictures of other sizes could not be halved and doubled again.
    nativeSize: Math.max(1, Math.round(side / step)) * step,
    sizeStep: step,
    tensors: [...shapes.keys()],
    prediction: scheduler.prediction,
    sampler: scheduler.sampler,
    refusal: elementAt(widths, 0) % 2 === 0 ? null : ODD_WIDTH,
  };
}

const ODD_WIDTH =
  'its first level has an odd number of channels, which timesteps cannot be embedded in here.';
