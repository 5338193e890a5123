import path from 'node:path';

import { AppError } from '../../errors.ts';
import { type ClipTextSettings, clipLargeSettings, readClipSettings } from './clip-config.ts';
import { type ContextState, findContextState } from './context-state.ts';
import {
  clipHiddenSize,
  type ClipTextConfig,
  type ClipTextLocation,
  deriveClipTextConfig,
} from './layout/clip-text-layout.ts';
import type { TensorSource } from './layout/named-shapes.ts';
import type { LdmConfig } from './ldm-config.ts';
import { fittingTokenizer } from './model-tokenizer.ts';
import type { CheckpointFamily } from './recognize.ts';
import type { TokenizerConfig } from '../../tokenizer/tokenizer-config.ts';

/** A text encoder, which of its states the UNet is shown, and how it is fed. */
export interface TextEncoderConfig extends ClipTextConfig, ContextState {
  readonly tokenizer: TokenizerConfig;
}

/** Layers of open_clip's ViT-H (SD 2.x) and ViT-bigG (SDXL), by their width. */
const openClipLayers: Readonly<Partial<Record<number, number>>> = { 1024: 24, 1280: 32 };

/**
 * The text encoders of a checkpoint: one; SDXL has two, whose outputs are joined.
 *
 * @param known the model's config, undefined if there is none; `assumptions` takes what is supposed,
 *   in sentences.
 * @throws AppError `checkpoint.damaged` for a missing tensor, `checkpoint.config` for a config that
 *   contradicts the tensors, `model.unsupported` where it cannot be known what the UNet is shown
 */
export async function readTextEncoders(
  source: TensorSource,
  family: CheckpointFamily,
  known: { ldmConfig: LdmConfig | undefined; assumptions: string[] },
): Promise<TextEncoderConfig[]> {
  const { ldmConfig, assumptions } = known;
  const encoders: TextEncoderConfig[] = [];
  for (const [position, location] of locateTextEncoders(source, family).entries()) {
    const settings =
      location.layout === 'transformers'
        ? await transformersSettings(source, ldmConfig)
        : await openClipSettings(source, location, family === 'sd2' ? ldmConfig : undefined);
    const config = deriveClipTextConfig(source, location, settings);
    const embedder = ldmConfig?.embedders[position];
    const use = { family, position, settings, embedder, ldmConfig, assumptions };
    const context = findContextState(source, config, use);
    const tokenizer = fittingTokenizer(source, config, {
      tokenizer: ldmConfig?.tokenizer ?? null,
      assumptions,
    });
    encoders.push({ ...config, ...context, tokenizer });
  }
  return encoders;
}

function locateTextEncoders(source: TensorSource, family: CheckpointFamily): ClipTextLocation[] {
  const transformers = (prefix: string, mayLackFinalNorm = false): ClipTextLocation => {
    // Files written by newer versions of transformers lack the inner name.
    const isNested = source.tensors.has(`${prefix}text_model.embeddings.token_embedding.weight`);
    const keyPrefix = isNested ? `${prefix}text_model.` : prefix;
    return { layout: 'transformers', keyPrefix, mayLackFinalNorm };
  };
  switch (family) {
    case 'sd1':
      return [transformers('cond_stage_model.transformer.')];
    case 'sd2':
      return [{ layout: 'openclip', keyPrefix: 'cond_stage_model.model.' }];
    case 'sdxl':
      return [
        transformers('conditioner.embedders.0.transformer.', true),
        { layout: 'openclip', keyPrefix: 'conditioner.embedders.1.model.' },
      ];
    case 'sdxl-refiner':
      return [{ layout: 'openclip', keyPrefix: 'conditioner.embedders.0.model.' }];
  }
}

/**
 * Every open_clip text encoder has heads of 64 channels (ViT-H: 16, bigG: 20).
 *
 * @param ldmConfig may name a config of this encoder, which then tells its layers.
 */
async function openClipSettings(
  source: TensorSource,
  location: ClipTextLocation,
  ldmConfig: LdmConfig | undefined,
): Promise<ClipTextSettings> {
  const hiddenSize = clipHiddenSize(source, location);
  const version = ldmConfig?.textEncoderVersion;
  const stated = version === undefined ? undefined : await readClipSettings(source.path, version);
  const known = {
    hiddenSize,
    heads: hiddenSize / 64,
    activation: 'gelu',
    layerNormEps: 1e-5,
  } as const;
  if (stated?.hiddenSize === hiddenSize && stated.statedIn !== undefined) {
    return { ...known, layers: stated.layers, statedIn: stated.statedIn };
  }
  return { ...known, layers: openClipLayers[hiddenSize] };
}

async function transformersSettings(
  source: TensorSource,
  ldmConfig: LdmConfig | undefined,
): Promise<ClipTextSettings> {
  if (ldmConfig?.textEncoderVersion === undefined) return clipLargeSettings;
  const { textEncoderVersion: version } = ldmConfig;
  const settings = await readClipSettings(source.path, version);
  if (settings) return settings;
  throw new AppError(
    'checkpoint.config',
    `"${ldmConfig.path}" names the text encoder ${JSON.stringify(version)}, but "${path.join(version, 'config.json')}" is not in the checkpoint's folder. Put it there.`,
  );
}
