import path from 'node:path';
import { z } from 'zod';

import { AppError } from '../../../errors.ts';
import { MODEL_INDEX } from '../../folder/model-index.ts';
import { type ClipTextSettings, readClipConfig } from '../clip-config.ts';
import type { LdmConfig } from '../ldm-config.ts';
import type { ModelTokenizer } from '../model-tokenizer.ts';
import { schedulerStatements, silentScheduler } from '../prediction/scheduler-statements.ts';
import type { Statement } from '../prediction/statement.ts';
import type { Version } from '../version.ts';
import { samplerOfScheduler } from './scheduler-sampler.ts';
import { type Expected, required, requireExpected } from './expected.ts';
import { type ModelIndex, readModelIndex, versionIn } from './model-index.ts';
import { readPooling, requireTextEncoder } from './text-encoder-config.ts';
import {
  readTokenizerFolder,
  requireTokenizerClass,
  tokenizerFolders,
} from './tokenizer-folder.ts';
import { readUnetConfig, type UnetSettings, unetInLdmWords } from './unet-config.ts';

/** Within a model's folder. */
export const unetConfig = path.join('unet', 'config.json');
const vaeConfig = path.join('vae', 'config.json');
const schedulerConfig = path.join('scheduler', 'scheduler_config.json');

/** Files that say how the model is to be run, within its folder, which has most of them. */
export const configFiles = [
  MODEL_INDEX,
  unetConfig,
  path.join('text_encoder', 'config.json'),
  path.join('text_encoder_2', 'config.json'),
  vaeConfig,
  schedulerConfig,
] as const;

const beta = z.number().gt(0).lt(1);

/** Defaults are those of the classes' constructors. */
const vaeSchema = z.looseObject({ scaling_factor: z.number().positive().default(0.18215) });
const schedulerSchema = z.looseObject({
  beta_start: beta,
  beta_end: beta,
  beta_schedule: z.literal('scaled_linear'),
  num_train_timesteps: z.int().min(1).max(100_000).default(1000),
});

const vaeExpected: Expected = {
  down_block_types: ['DownEncoderBlock2D', 'AttnDownEncoderBlock2D'],
  up_block_types: ['UpDecoderBlock2D', 'AttnUpDecoderBlock2D'],
  act_fn: ['silu', 'swish'],
  norm_num_groups: [32],
  shift_factor: [null],
  latents_mean: [null],
  latents_std: [null],
  use_quant_conv: [true],
  use_post_quant_conv: [true],
  mid_block_add_attention: [true],
};
const schedulerExpected: Expected = {
  trained_betas: [null],
};

/** What a folder's configs say. */
export interface FolderConfig {
  readonly version: Version;
  readonly ldmConfig: LdmConfig;
}

/**
 * What the configs in a diffusers folder say, in the words of the LDM config that a single file has
 * beside it.
 *
 * @param folder an absolute path.
 * @throws AppError `model.unsupported` for another kind of model, `checkpoint.damaged` for a missing
 *   config, `checkpoint.config` for one that does not fit
 */
export async function readModelConfig(folder: string): Promise<FolderConfig> {
  const at = (name: string) => path.join(folder, name);
  const index = await readModelIndex(folder);
  const unet = await readUnetConfig(at(unetConfig));
  const version = versionIn(index, unet.use_linear_projection);
  const vae = await required(at(vaeConfig), vaeSchema);
  requireExpected(at(vaeConfig), vae, vaeExpected);
  const scheduler = await readScheduler(at(schedulerConfig), index.classOf('scheduler'));
  const encoders = await readEncoders(folder, version, index);
  await requirePooling(folder, { version, unet, tokenizers: encoders.tokenizers });
  const [latentSize] = [unet.sample_size ?? []].flat();
  const ldmConfig: LdmConfig = {
    path: at(unetConfig),
    ...scheduler,
    latentSize,
    scaleFactor: vae.scaling_factor,
    unet: unetInLdmWords(at(unetConfig), unet, version),
    vae: {},
    // Looked for beside the model, as a single file's is.
    textEncoderVersion: path.join(path.basename(folder), 'text_encoder'),
    // The pipeline of SD 1.x and 2.x takes the last state, whose layer SD 2.x's folders end with.
    embedders: version.encoders.length === 1 ? [{ params: { layer: 'last' } }] : [],
    ...encoders,
    zerosEmptyPrompt: index.zerosEmptyPrompt,
  };
  return { version, ldmConfig };
}

/** Text encoders and their tokenizers, in the order of the version's. */
async function readEncoders(
  folder: string,
  version: Version,
  { classOf }: ModelIndex,
): Promise<Pick<LdmConfig, 'clipSettings' | 'tokenizers'>> {
  const clipSettings: ClipTextSettings[] = [];
  const tokenizers: ModelTokenizer[] = [];
  for (const [position, { component }] of version.encoders.entries()) {
    const configPath = path.join(folder, component, 'config.json');
    await requireTextEncoder(configPath);
    const settings = await readClipConfig(configPath);
    if (settings) clipSettings.push(settings);
    const part = tokenizerFolders[position] ?? 'tokenizer';
    requireTokenizerClass(path.join(folder, MODEL_INDEX), part, classOf(part));
    tokenizers.push((await readTokenizerFolder(path.join(folder, part))).tokenizer);
  }
  return { clipSettings, tokenizers };
}

/** Refuses a model whose UNet is told of something else than a whole prompt at its end, and sizes. */
async function requirePooling(
  folder: string,
  {
    version,
    unet,
    tokenizers,
  }: { version: Version; unet: UnetSettings; tokenizers: readonly ModelTokenizer[] },
): Promise<void> {
  const position = version.encoders.findIndex(({ isPooled }) => isPooled);
  const [place, tokenizer] = [version.encoders[position], tokenizers[position]];
  if (!place || !tokenizer) return;
  const configPath = path.join(folder, place.component, 'config.json');
  const { projection } = await readPooling(configPath, tokenizer);
  const { addition_time_embed_dim: size, projection_class_embeddings_input_dim: whole } = unet;
  if (size == null || whole == null || projection + 6 * size === whole) return;
  throw new AppError(
    'checkpoint.config',
    `"${path.join(folder, unetConfig)}" gives projection_class_embeddings_input_dim ${whole}, where projection_dim ${projection} of the second text encoder and six times addition_time_embed_dim ${size} are ${projection + 6 * size}: they are configs of different models. Use a complete copy of the model.`,
  );
}

/** What the scheduler says; numbers of the schedule only where it has such a schedule. */
async function readScheduler(
  filePath: string,
  className: string | null,
): Promise<
  Pick<LdmConfig, 'statements' | 'silent' | 'sampler' | 'linearStart' | 'linearEnd' | 'timesteps'>
> {
  const config = await required(filePath, z.looseObject({}));
  const sampler = samplerOfScheduler(config, className);
  const statements = schedulerStatements(config, className);
  const silent = (config.prediction_type ?? null) === null ? [silentScheduler] : [];
  if (statements.some(isOfAnotherKind)) {
    return {
      ...{ statements, silent, sampler },
      ...{ linearStart: undefined, linearEnd: undefined, timesteps: undefined },
    };
  }
  const schedule = await required(filePath, schedulerSchema);
  requireExpected(filePath, schedule, schedulerExpected);
  return {
    statements,
    silent,
    sampler,
    linearStart: schedule.beta_start,
    linearEnd: schedule.beta_end,
    timesteps: schedule.num_train_timesteps,
  };
}

function isOfAnotherKind({ prediction }: Statement): boolean {
  return prediction === 'edm' || prediction === 'flow';
}
