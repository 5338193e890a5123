import path from 'node:path';

import { AppError } from '../../../errors.ts';
import type { ClipTextSettings } from '../clip-config.ts';
import {
  dimension,
  linear,
  type NamedShape,
  norm,
  requireShapes,
  type TensorSource,
} from './named-shapes.ts';

/**
 * How a CLIP text encoder's tensors are named: as by transformers (`CLIPTextModel`: SD 1.x, SDXL's
 * first) or by open_clip (`TextTransformer`: SD 2.x, SDXL's second).
 */
export type ClipTextNaming = 'transformers' | 'openclip';

/** A CLIP text encoder. */
export interface ClipTextConfig {
  readonly layout: ClipTextNaming;
  /** What stands before every key, with the last dot. */
  readonly keyPrefix: string;
  /** Layers of the whole encoder, from which hosts count. */
  readonly layers: number;
  /** The first ones, which the file holds. */
  readonly storedLayers: number;
  /** Whether it holds the norm that follows the last layer. */
  readonly hasFinalNorm: boolean;
  readonly hiddenSize: number;
  readonly heads: number;
  readonly intermediateSize: number;
  readonly activation: 'quick_gelu' | 'gelu';
  readonly vocabSize: number;
  /** Longest prompt in tokens, start and end included: 77. */
  readonly maxPositions: number;
  readonly layerNormEps: number;
  /** Channels of the projection of a whole prompt; null where the file has none that is used. */
  readonly projection: number | null;
}

/** Where a text encoder is in the checkpoint. */
export interface ClipTextLocation {
  readonly layout: ClipTextNaming;
  readonly keyPrefix: string;
  /** Whether its states are only used without the norm that follows the last layer. */
  readonly mayLackFinalNorm?: boolean;
  /** Whether the UNet is told what it makes of a whole prompt. */
  readonly isPooled?: boolean;
}

/**
 * The configuration of a text encoder from its keys and shapes; every tensor that follows from it is
 * then checked to be there.
 *
 * @param settings what the tensors do not tell; what else it has must be the tensors'.
 * @throws AppError `checkpoint.damaged`, `model.unsupported`, `checkpoint.config`
 */
export function deriveClipTextConfig(
  source: TensorSource,
  location: ClipTextLocation,
  settings: ClipTextSettings,
): ClipTextConfig {
  const {
    layout,
    keyPrefix,
    mayLackFinalNorm = false,
    isPooled = layout === 'openclip',
  } = location;
  const { heads, activation, layerNormEps } = settings;
  const names = keyNames(location);
  const found = countLayers(source, location);
  const layers = settings.layers ?? found;
  const config: ClipTextConfig = {
    ...{ layout, keyPrefix, heads, activation, layerNormEps, layers },
    storedLayers: Math.min(found, layers),
    hasFinalNorm: !mayLackFinalNorm || source.tensors.has(`${names.finalNorm}.weight`),
    hiddenSize: dimension(source, names.tokens, 1),
    intermediateSize: dimension(source, `${names.layers}0.${names.mlpIn}.weight`, 0),
    vocabSize: dimension(source, names.tokens, 0),
    maxPositions: dimension(source, names.positions, 0),
    projection: isPooled ? projectionWidth(source, location) : null,
  };
  requireShapes(source, clipTextShapes(config));
  requireFittingSettings(source, config, settings);
  return config;
}

/** The projection of a whole prompt: [in, out] as open_clip has it, a linear layer in transformers. */
export function projectionName({ layout, keyPrefix }: ClipTextLocation): string {
  return layout === 'openclip'
    ? `${keyPrefix}text_projection`
    : `${keyPrefix.replace(/text_model\.$/, '')}text_projection.weight`;
}

function projectionWidth(source: TensorSource, location: ClipTextLocation): number | null {
  const shape = source.tensors.get(projectionName(location))?.shape;
  return shape?.[location.layout === 'openclip' ? 1 : 0] ?? null;
}

/** Width of a text encoder's hidden states, from its token embedding. */
export function clipHiddenSize(source: TensorSource, location: ClipTextLocation): number {
  return dimension(source, keyNames(location).tokens, 1);
}

function requireFittingSettings(
  source: TensorSource,
  { hiddenSize, heads, vocabSize, intermediateSize, maxPositions }: ClipTextConfig,
  { claims = {}, ...settings }: ClipTextSettings,
): void {
  const isDivisible = Number.isInteger(heads) && hiddenSize % heads === 0;
  if (hiddenSize !== settings.hiddenSize || !isDivisible) {
    throw new AppError(
      'checkpoint.config',
      `checkpoint "${path.basename(source.path)}": its text encoder is ${hiddenSize} wide, but its settings are for a width of ${settings.hiddenSize} with ${heads} heads. ${settingsAdvice}`,
    );
  }
  const found = {
    vocab_size: vocabSize,
    intermediate_size: intermediateSize,
    max_position_embeddings: maxPositions,
  };
  for (const [name, inFile] of Object.entries(found)) {
    const inConfig = claims[name as keyof typeof found];
    if (inConfig === undefined || inConfig === inFile) continue;
    throw new AppError(
      'checkpoint.config',
      `checkpoint "${path.basename(source.path)}": the text encoder's config.json gives ${name} ${inConfig}, but its tensors have ${inFile}. ${settingsAdvice}`,
    );
  }
}

const settingsAdvice =
  "Put the model's LDM config (same name, .yaml) beside it, and the folder with the text encoder's config.json that it names; in a diffusers folder, put the right config.json into text_encoder.";

function keyNames({ layout, keyPrefix }: ClipTextLocation) {
  return layout === 'transformers'
    ? {
        tokens: `${keyPrefix}embeddings.token_embedding.weight`,
        positions: `${keyPrefix}embeddings.position_embedding.weight`,
        layers: `${keyPrefix}encoder.layers.`,
        norms: ['layer_norm1', 'layer_norm2'],
        attentionOut: 'self_attn.out_proj',
        mlpIn: 'mlp.fc1',
        mlpOut: 'mlp.fc2',
        finalNorm: `${keyPrefix}final_layer_norm`,
      }
    : {
        tokens: `${keyPrefix}token_embedding.weight`,
        positions: `${keyPrefix}positional_embedding`,
        layers: `${keyPrefix}transformer.resblocks.`,
        norms: ['ln_1', 'ln_2'],
        attentionOut: 'attn.out_proj',
        mlpIn: 'mlp.c_fc',
        mlpOut: 'mlp.c_proj',
        finalNorm: `${keyPrefix}ln_final`,
      };
}

/** As many as the highest number tells, so that a gap is a missing tensor. */
function countLayers({ tensors }: TensorSource, location: ClipTextLocation): number {
  const { layers } = keyNames(location);
  const numbers = [...tensors.keys()]
    .filter((name) => name.startsWith(layers))
    .map((name) => Number.parseInt(name.slice(layers.length), 10))
    .filter(Number.isInteger);
  return 1 + Math.max(-1, ...numbers);
}

/**
 * Every tensor that the file holds of a text encoder, with its shape. Position ids and the logit scale are left out: not
 * every file has them.
 */
export function* clipTextShapes(config: ClipTextConfig): Generator<NamedShape> {
  const { hiddenSize, intermediateSize } = config;
  const names = keyNames(config);
  yield [names.tokens, [config.vocabSize, hiddenSize]];
  yield [names.positions, [config.maxPositions, hiddenSize]];
  for (let index = 0; index < config.storedLayers; index++) {
    const prefix = `${names.layers}${index}.`;
    for (const name of names.norms) yield* norm(prefix + name, hiddenSize);
    yield* queryKeyValueShapes(prefix, config);
    yield* linear(prefix + names.attentionOut, hiddenSize, hiddenSize);
    yield* linear(prefix + names.mlpIn, intermediateSize, hiddenSize);
    yield* linear(prefix + names.mlpOut, hiddenSize, intermediateSize);
  }
  if (config.hasFinalNorm) yield* norm(names.finalNorm, hiddenSize);
  if (config.projection === null) return;
  const shape = [hiddenSize, config.projection];
  yield [projectionName(config), config.layout === 'openclip' ? shape : shape.toReversed()];
}

function* queryKeyValueShapes(prefix: string, config: ClipTextConfig): Generator<NamedShape> {
  const { hiddenSize } = config;
  if (config.layout === 'openclip') {
    yield [`${prefix}attn.in_proj_weight`, [3 * hiddenSize, hiddenSize]];
    yield [`${prefix}attn.in_proj_bias`, [3 * hiddenSize]];
    return;
  }
  for (const name of ['q_proj', 'k_proj', 'v_proj']) {
    yield* linear(`${prefix}self_attn.${name}`, hiddenSize, hiddenSize);
  }
}
