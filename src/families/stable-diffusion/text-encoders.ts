import path from 'node:path';

import { AppError } from '../../errors.ts';
import type { TokenizerConfig } from '../../tokenizer/tokenizer-config.ts';
import { type ClipTextSettings, clipLargeSettings, readClipSettings } from './clip-config.ts';
import { findContextState } from './context-state.ts';
import {
  clipHiddenSize,
  type ClipTextConfig,
  type ClipTextLocation,
  deriveClipTextConfig,
} from './layout/clip-text-layout.ts';
import type { TensorSource } from './layout/named-shapes.ts';
import type { LdmConfig } from './ldm-config.ts';
import { fittingTokenizer } from './model-tokenizer.ts';
import type { ContextState, EncoderPlace, Version } from './version.ts';

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
  version: Version,
  known: { ldmConfig: LdmConfig | undefined; assumptions: string[] },
): Promise<TextEncoderConfig[]> {
  const { ldmConfig, assumptions } = known;
  const encoders: TextEncoderConfig[] = [];
  for (const [position, place] of version.encoders.entries()) {
    const location = locateTextEncoder(source, place);
    const settings =
      ldmConfig?.clipSettings[position] ??
      (place.naming === 'transformers'
        ? await transformersSettings(source, ldmConfig)
        : // A config beside a single file names the first one's.
          await openClipSettings(source, location, position === 0 ? ldmConfig : undefined));
    const config = deriveClipTextConfig(source, location, settings);
    const embedder = ldmConfig?.embedders[position];
    const use = { version, place, position, settings, embedder, ldmConfig, assumptions };
    const context = findContextState(source, config, use);
    const tokenizer = fittingTokenizer(source, config, {
      ...{ tokenizer: ldmConfig?.tokenizers[position] ?? null, padId: place.padId, assumptions },
    });
    encoders.push({ ...config, ...context, tokenizer });
  }
  return encoders;
}

/** Files have one and the same text encoder by transformers' names or by open_clip's. */
function locateTextEncoder(
  source: TensorSource,
  { prefix, naming, state, isPooled }: EncoderPlace,
): ClipTextLocation {
  // Files written by newer versions of transformers lack the inner name.
  const isNested = source.tensors.has(`${prefix}text_model.embeddings.token_embedding.weight`);
  const isPlain = source.tensors.has(`${prefix}embeddings.token_embedding.weight`);
  if (naming === 'openclip' && !isNested && !isPlain) return { layout: naming, keyPrefix: prefix };
  const keyPrefix = isNested ? `${prefix}text_model.` : prefix;
  const mayLackFinalNorm = !state.isNormalized && !isPooled;
  return { layout: 'transformers', keyPrefix, mayLackFinalNorm, isPooled };
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
