import path from 'node:path';

import { AppError } from '../../errors.ts';
import { isFloatDtype } from '../../tensor/dtype.ts';
import { describeForeignTensors } from './foreign-tensors.ts';
import type { LdmConfig } from './ldm-config.ts';
import { clipTextShapes, projectionName } from './layout/clip-text-layout.ts';
import type { NamedShape, TensorSource } from './layout/named-shapes.ts';
import { deriveUnetConfig } from './layout/derive-unet.ts';
import { type UnetConfig, type UnetHeads, unetShapes } from './layout/unet-layout.ts';
import { deriveVaeConfig, VAE_PREFIX, type VaeConfig, vaeShapes } from './layout/vae-layout.ts';
import type { PredictionReading, PredictionWish } from '../../diffusion/prediction-reading.ts';
import { type PredictionSource, readPrediction } from './prediction/read-prediction.ts';
import type { ModelPart } from '../family.ts';
import { describeOtherFile } from '../other-files.ts';
import { recognizeVersion } from './recognize.ts';
import { type Version, type VersionId, versionOf } from './version.ts';
import { readTextEncoders, type TextEncoderConfig } from './text-encoders.ts';

/** What the UNet was trained to predict, on which noise schedule. */
export interface DiffusionConfig extends Pick<
  PredictionReading,
  'predictionType' | 'zeroTerminalSnr'
> {
  /** First and last beta of the schedule that is linear in their square roots. */
  readonly betaStart: number;
  readonly betaEnd: number;
  readonly timesteps: number;
}

/** A Stable Diffusion checkpoint: what its models look like and how they are to be run. */
export interface Architecture {
  readonly family: VersionId;
  readonly unet: UnetConfig;
  /** One; SDXL has two, whose outputs are joined. */
  readonly textEncoders: readonly TextEncoderConfig[];
  /** Its own; null where it has none. */
  readonly vae: VaeConfig | null;
  readonly diffusion: DiffusionConfig;
  /** What its prediction is known from. */
  readonly prediction: Pick<PredictionReading, 'basis' | 'source' | 'remarks'>;
  /** What neither the tensors nor a config tell and was taken as usual, in sentences. */
  readonly assumptions: readonly string[];
  /** Why a concept cannot be erased from it and what to do; null if it can. */
  readonly refusal: string | null;
}

/**
 * Recognises a checkpoint and derives its configuration from its keys and shapes, completed by the
 * LDM config beside it and by what its family fixes.
 *
 * @param ldmConfig the config beside the checkpoint, undefined if there is none.
 * @param prediction what the person chose or a job found before, instead of what its files say
 * @throws AppError `model.unsupported` for a file that is no such checkpoint, `checkpoint.damaged` for
 *   a missing tensor, `checkpoint.config` for a config that contradicts the tensors
 */
export async function readArchitecture(
  source: PredictionSource,
  ldmConfig: LdmConfig | undefined,
  prediction?: PredictionWish | PredictionReading,
): Promise<Architecture> {
  const family = recognizeVersion(source.tensors);
  if (family === null) {
    throw new AppError(
      'model.unsupported',
      `"${path.basename(source.path)}" ${describeOtherFile(source.tensors).explanation}.`,
    );
  }
  const reading = await readPrediction(source, { family, ldmConfig }, prediction);
  try {
    return await deriveArchitecture(source, { family, ldmConfig, reading });
  } catch (error) {
    // What is missing or of another shape may be so because the model is of another kind.
    const reason = describeForeignTensors(source.tensors, undefined);
    throw reason === null ? error : unsupported(source, reason);
  }
}

async function deriveArchitecture(
  source: TensorSource,
  {
    family,
    ldmConfig,
    reading,
  }: {
    family: VersionId;
    ldmConfig: LdmConfig | undefined;
    reading: PredictionReading;
  },
): Promise<Architecture> {
  const assumptions: string[] = [];
  const version = versionOf(family);
  const unet = deriveUnetConfig(source, unetHeads(version, ldmConfig));
  const hasVae = [...source.tensors.keys()].some((name) => name.startsWith(VAE_PREFIX));
  const vae = hasVae ? deriveVaeConfig(source, latentFactor(version, ldmConfig)) : null;
  requireAgreement(source, ldmConfig, { unet, vae });
  if (!ldmConfig && 'numHeads' in version.heads && unet.modelChannels !== 320) {
    assumptions.push(
      `The UNet has ${version.heads.numHeads} attention heads, as every ${version.title} (no .yaml says otherwise).`,
    );
  }
  const known = { ldmConfig, assumptions };
  const textEncoders = await readTextEncoders(source, version, known);
  if (reading.basis === 'assumed') assumptions.push(...reading.remarks);
  const trained = trainedAs(reading, ldmConfig);
  const parts = { family, unet, textEncoders, vae, ...trained, assumptions };
  return { ...parts, refusal: findRefusal(source, parts) };
}

/**
 * What a checkpoint's models are built of; further tensors of the file (EMA copies, position ids,
 * whatever a merge left) are only carried along.
 */
export function partsOf({
  unet,
  textEncoders,
  vae,
}: Pick<Architecture, 'unet' | 'textEncoders' | 'vae'>): ModelPart[] {
  return [
    { name: 'unet', config: unet, shapes: new Map(unetShapes(unet)) },
    ...textEncoders.map((encoder) => ({
      name: 'text encoder',
      config: encoder,
      shapes: new Map(clipTextShapes(encoder)),
    })),
    ...(vae ? [vaePart(vae)] : []),
  ];
}

/** A VAE, whoever's it is. */
export function vaePart(config: VaeConfig): ModelPart {
  return { name: 'vae', config, shapes: new Map(vaeShapes(config)) };
}

/** Names and shapes of every tensor that a checkpoint's models are run with. */
export function* modelShapes(
  architecture: Pick<Architecture, 'unet' | 'textEncoders' | 'vae'>,
): Generator<NamedShape> {
  for (const { shapes } of partsOf(architecture)) yield* shapes;
}

function unsupported({ path: filePath }: TensorSource, reason: string): AppError {
  return new AppError('model.unsupported', `"${path.basename(filePath)}": ${reason}`);
}

/** What latents are multiplied by before the UNet sees them. */
export function latentFactor(version: Version, ldmConfig: LdmConfig | undefined): number {
  return ldmConfig?.scaleFactor ?? version.scaleFactor;
}

/** `UNetModel` takes `num_head_channels` where it is given and not -1, `num_heads` otherwise. */
function unetHeads({ heads }: Version, ldmConfig: LdmConfig | undefined): UnetHeads {
  const { num_heads: numHeads = -1, num_head_channels: numHeadChannels = -1 } =
    ldmConfig?.unet ?? {};
  if (numHeadChannels > 0) return { numHeadChannels };
  if (numHeads > 0) return { numHeads };
  return heads;
}

function trainedAs(
  { predictionType, zeroTerminalSnr, ...prediction }: PredictionReading,
  ldmConfig: LdmConfig | undefined,
): Pick<Architecture, 'diffusion' | 'prediction'> {
  const { linearStart = 0.00085, linearEnd = 0.012, timesteps = 1000 } = ldmConfig ?? {};
  const schedule = { betaStart: linearStart, betaEnd: linearEnd, timesteps };
  return { diffusion: { predictionType, zeroTerminalSnr, ...schedule }, prediction };
}

type Value = number | boolean;
type Claim = [name: string, inConfig: Value | readonly number[] | undefined, inFile: Value];

/** A config for another model would give the wrong heads or schedule without any error. */
function requireAgreement(
  source: TensorSource,
  ldmConfig: LdmConfig | undefined,
  { unet, vae }: { unet: UnetConfig; vae: VaeConfig | null },
): void {
  if (!ldmConfig) return;
  const { unet: unetParams, vae: vaeParams } = ldmConfig;
  const claims: Claim[] = [
    ['unet_config in_channels', unetParams.in_channels, unet.inChannels],
    ['unet_config out_channels', unetParams.out_channels, unet.outChannels],
    ['unet_config model_channels', unetParams.model_channels, unet.modelChannels],
    ['unet_config context_dim', unetParams.context_dim, unet.contextDim],
    [
      'unet_config adm_in_channels',
      unetParams.adm_in_channels ?? undefined,
      unet.admInChannels ?? 0,
    ],
    [
      'unet_config use_linear_in_transformer',
      unetParams.use_linear_in_transformer,
      unet.useLinearProjection,
    ],
    ...vaeClaims(vaeParams, vae),
  ];
  for (const [name, inConfig, inFile] of claims) {
    if (inConfig === undefined || [inConfig].flat().every((value) => value === inFile)) continue;
    throw new AppError(
      'checkpoint.config',
      `"${ldmConfig.path}" gives ${name} ${inConfig.toString()}, but "${path.basename(source.path)}" has ${inFile.toString()}: it is the config of another model. Replace it with the right one.`,
    );
  }
}

function vaeClaims({ ddconfig = {} }: LdmConfig['vae'], vae: VaeConfig | null): Claim[] {
  if (!vae) return [];
  return [
    ['first_stage_config ch', ddconfig.ch, vae.ch],
    ['first_stage_config z_channels', ddconfig.z_channels, vae.zChannels],
  ];
}

function findRefusal(
  source: TensorSource,
  architecture: Omit<Architecture, 'refusal'>,
): string | null {
  const { family, unet } = architecture;
  return (
    versionOf(family).refusal ??
    channelsRefusal(unet) ??
    describeForeignTensors(source.tensors, unet) ??
    conditionRefusal(architecture) ??
    precisionRefusal(source, architecture)
  );
}

function channelsRefusal({ inChannels, outChannels }: UnetConfig): string | null {
  if (inChannels === 9) {
    return 'this is an inpainting model (its UNet takes 9 channels). Erase the concept from the base model that it was made from.';
  }
  if (inChannels === 8) {
    return 'this is an instruct-pix2pix model or one that is conditioned on a picture likewise (its UNet takes 8 channels). Erase the concept from a text-to-image model.';
  }
  if (inChannels !== 4 || outChannels !== 4) {
    const kind = { 5: 'this is a depth-to-image model: ', 7: 'this is an upscaler: ' }[inChannels];
    return `${kind ?? ''}its UNet takes ${inChannels} and gives ${outChannels} channels, where a text-to-image model has 4 and 4. Use a text-to-image model.`;
  }
  return null;
}

/** Numbers of a picture's sizes that SDXL's UNet is told, each in a sine and a cosine at least. */
const SIZE_NUMBERS = 6;

/** SDXL's UNet takes the whole prompt and six embedded sizes besides the tokens; no other does. */
function conditionRefusal({
  family,
  unet: { admInChannels },
  textEncoders,
}: Omit<Architecture, 'refusal'>): string | null {
  if (!versionOf(family).hasAddedCondition) {
    if (admInChannels === null) return null;
    return `its UNet takes an added condition of ${admInChannels} channels (label_emb), as unCLIP and class-conditional models do, unlike a text-to-image model's. Use a text-to-image model.`;
  }
  const encoder = textEncoders.at(-1);
  const projection = encoder?.projection ?? null;
  if (projection === null) {
    const name = encoder ? projectionName(encoder) : 'text_projection';
    return `its second text encoder lacks "${name}", which makes a whole out of a prompt. Use the original model.`;
  }
  const sizes = (admInChannels ?? 0) - projection;
  if (sizes > 0 && sizes % (2 * SIZE_NUMBERS) === 0) return null;
  return `its UNet takes an added condition of ${admInChannels ?? 0} channels, of which ${projection} are the prompt's: what is left are not the sizes that SDXL takes. Use a text-to-image model.`;
}

function precisionRefusal(
  source: TensorSource,
  architecture: Omit<Architecture, 'refusal'>,
): string | null {
  for (const [name] of modelShapes(architecture)) {
    const dtype = source.tensors.get(name)?.dtype;
    if (dtype !== undefined && !isFloatDtype(dtype)) {
      return `its tensor "${name}" is ${dtype}: the model is quantised, and training needs F16, BF16 or F32. Use the original model.`;
    }
  }
  return null;
}
