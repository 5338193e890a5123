import { EOS_ID } from '../../tokenizer/clip-vocabulary.ts';
import type { ClipTextNaming } from './layout/clip-text-layout.ts';
import type { UnetHeads } from './layout/unet-layout.ts';
import type { PredictionType } from '../../diffusion/prediction-type.ts';

/** Which states of a text encoder the UNet was trained on. */
export interface ContextState {
  /** Counted from the last layer of the whole encoder, which is 1, as the hosts count. */
  readonly clipSkip: number;
  /** Whether the final norm follows. */
  readonly isNormalized: boolean;
}

/** A text encoder's place in a version of Stable Diffusion. */
export interface EncoderPlace {
  /** What stands before its keys in a single-file checkpoint. */
  readonly prefix: string;
  /** How single files name its tensors. */
  readonly naming: ClipTextNaming;
  /** Its component in a diffusers folder. */
  readonly component: 'text_encoder' | 'text_encoder_2';
  readonly state: ContextState;
  /** What an LDM config may say of the state (`layer`, with `layer_idx` where it is `hidden`). */
  readonly states: Readonly<Record<string, ContextState>>;
  /** Whether the UNet is told what it makes of a whole prompt: all of its layers are needed. */
  readonly isPooled: boolean;
  /** Whether a file without its last layer is one of a model that hosts run with clip skip 2. */
  readonly mayLackLast: boolean;
  /** What its prompts are filled up with. */
  readonly padId: number;
}

/** What a version of Stable Diffusion has that its tensors need not tell. */
export interface Version {
  readonly title: string;
  /** How a name begins that only its single files have. */
  readonly mark: string;
  /** One; SDXL has two, whose outputs are joined. */
  readonly encoders: readonly EncoderPlace[];
  /** Of a UNet whose config does not say. */
  readonly heads: UnetHeads;
  /** Of latents where the config does not say. */
  readonly scaleFactor: number;
  /** Cells along one side of the latents of its own size, by what is predicted. */
  readonly latentSize: { readonly epsilon: number; readonly v_prediction: number };
  /** Whether the UNet is told of the whole prompt and of sizes besides the tokens. */
  readonly hasAddedCondition: boolean;
  /** Whether the spread of its weights tells what it predicts. */
  readonly weightsTellPrediction: boolean;
  /** Whether hosts go by words in the names of its folders too. */
  readonly foldersTellPrediction: boolean;
  /** By which web UIs tell what a LoRA file fits (`ss_base_model_version`); they hide those of another. */
  readonly loraBase: string;
  /** Its `modelspec.architecture`, by what it predicts. (Stability-AI/ModelSpec) */
  readonly modelspec: (prediction: PredictionType) => string;
  /** Why no concept is erased from it; null if one is. */
  readonly refusal: string | null;
}

const last: ContextState = { clipSkip: 1, isNormalized: true };
const penultimate: ContextState = { clipSkip: 2, isNormalized: true };
const unnormalized: ContextState = { clipSkip: 2, isNormalized: false };

const clip = {
  naming: 'transformers',
  mayLackLast: false,
  isPooled: false,
  padId: EOS_ID,
} as const;
/** open_clip's tokenizer fills up with "!". */
const openClip = { ...clip, naming: 'openclip', padId: 0 } as const;

const common = {
  heads: { numHeadChannels: 64 },
  scaleFactor: 0.18215,
  latentSize: { epsilon: 64, v_prediction: 64 },
  hasAddedCondition: false,
  weightsTellPrediction: false,
  foldersTellPrediction: false,
  loraBase: 'sd_v1',
  modelspec: () => 'stable-diffusion-v1',
  refusal: null,
} as const;

const xl = {
  ...common,
  scaleFactor: 0.13025,
  latentSize: { epsilon: 128, v_prediction: 128 },
  hasAddedCondition: true,
  loraBase: 'sdxl_base_v1-0',
  modelspec: () => 'stable-diffusion-xl-v1-base',
} as const;

/** The versions by the names that `inspect` gives them, in the order that their marks are looked for. */
export const versions = {
  sdxl: {
    ...xl,
    title: 'SDXL',
    mark: 'conditioner.embedders.1.',
    foldersTellPrediction: true,
    encoders: [
      {
        ...clip,
        prefix: 'conditioner.embedders.0.transformer.',
        component: 'text_encoder',
        state: unnormalized,
        states: { 'hidden, 11': unnormalized, 'hidden, -2': unnormalized },
      },
      {
        ...openClip,
        prefix: 'conditioner.embedders.1.model.',
        component: 'text_encoder_2',
        state: unnormalized,
        states: { penultimate: unnormalized },
        isPooled: true,
      },
    ],
  },
  'sdxl-refiner': {
    ...xl,
    title: 'SDXL refiner',
    mark: 'conditioner.embedders.0.model.',
    refusal:
      'this is the SDXL refiner, which only finishes images of a base model. Use the base model.',
    encoders: [
      {
        ...openClip,
        prefix: 'conditioner.embedders.0.model.',
        component: 'text_encoder_2',
        state: unnormalized,
        states: { penultimate: unnormalized },
      },
    ],
  },
  sd2: {
    ...common,
    title: 'SD 2.x',
    loraBase: 'sd_v2',
    modelspec: (prediction) =>
      prediction === 'epsilon' ? 'stable-diffusion-v2-512' : 'stable-diffusion-v2-768-v',
    mark: 'cond_stage_model.model.',
    // Published configs of the models for 768 pixels say 64 cells too.
    latentSize: { epsilon: 64, v_prediction: 96 },
    weightsTellPrediction: true,
    encoders: [
      {
        ...openClip,
        prefix: 'cond_stage_model.model.',
        component: 'text_encoder',
        state: penultimate,
        states: { penultimate, last },
      },
    ],
  },
  sd1: {
    ...common,
    title: 'SD 1.x',
    mark: 'cond_stage_model.transformer.',
    heads: { numHeads: 8 },
    encoders: [
      {
        ...clip,
        prefix: 'cond_stage_model.transformer.',
        component: 'text_encoder',
        state: last,
        states: { last },
        mayLackLast: true,
      },
    ],
  },
} as const satisfies Readonly<Record<string, Version>>;

/** Versions of Stable Diffusion that hold UNet, text encoders and VAE in one file. */
export type VersionId = keyof typeof versions;

/** A version by its name, without the narrow type of its record. */
export function versionOf(id: VersionId): Version {
  return versions[id];
}
