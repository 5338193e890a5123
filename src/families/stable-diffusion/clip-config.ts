import path from 'node:path';
import { z } from 'zod';

import { AppError } from '../../errors.ts';
import { readJsonConfig } from '../../checkpoint/json-config.ts';

/** What a transformers CLIP `config.json` says of the text encoder and its tensors do not. */
export interface ClipTextSettings {
  readonly hiddenSize: number;
  readonly heads: number;
  readonly activation: 'quick_gelu' | 'gelu';
  readonly layerNormEps: number;
  /** Layers of the whole encoder, of which a file may hold fewer. Default: as many as it holds. */
  readonly layers?: number | undefined;
  /** The config that states all this. Default: it is known otherwise. */
  readonly statedIn?: string | undefined;
  /** What else the config states and the tensors must bear out, by its name there. */
  readonly claims?: Readonly<Partial<Record<ClipTextClaim, number>>>;
}

const claimNames = ['vocab_size', 'intermediate_size', 'max_position_embeddings'] as const;
type ClipTextClaim = (typeof claimNames)[number];

/** openai/clip-vit-large-patch14, the text encoder of every SD 1.x. */
export const clipLargeSettings: ClipTextSettings = {
  hiddenSize: 768,
  heads: 12,
  activation: 'quick_gelu',
  layerNormEps: 1e-5,
  layers: 12,
};

const count = z.int().min(1).max(1_000_000);
const textConfigSchema = z.looseObject({
  hidden_size: count,
  num_attention_heads: count,
  num_hidden_layers: z.int().min(1).max(1000).nullish(),
  hidden_act: z
    .enum(['quick_gelu', 'gelu'], {
      error: ({ input }) =>
        `it is ${JSON.stringify(input)}, and only "quick_gelu" and "gelu" are supported`,
    })
    .default('quick_gelu'),
  layer_norm_eps: z.number().positive().max(1).default(1e-5),
  ...Object.fromEntries(claimNames.map((name) => [name, count.nullish()])),
});

/** A whole CLIP model's config has the text encoder's part under `text_config`. */
const configSchema = z.preprocess(textPartOf, textConfigSchema);

/** The text encoder's part of a config: a whole CLIP model's has it under `text_config`. */
export function textPartOf(config: unknown): unknown {
  const hasPart = typeof config === 'object' && config !== null && 'text_config' in config;
  return hasPart ? config.text_config : config;
}

/**
 * Path of the `config.json` that an LDM config's `version` names, in the checkpoint's folder.
 *
 * @throws AppError `checkpoint.config` if `version` leads out of that folder
 */
export function clipConfigPath(checkpointPath: string, version: string): string {
  const folder = path.dirname(checkpointPath);
  const target = path.join(folder, version);
  const relative = path.relative(folder, target);
  const leavesFolder =
    path.isAbsolute(version) ||
    path.win32.isAbsolute(version) ||
    version.includes('\0') ||
    version.split(/[/\\]/).includes('..') ||
    path.isAbsolute(relative);
  if (leavesFolder) {
    throw new AppError(
      'checkpoint.config',
      `the .yaml beside "${path.basename(checkpointPath)}" names the text encoder ${JSON.stringify(version)}, which lies outside the checkpoint's folder. Put that folder beside the checkpoint and name it without "..".`,
    );
  }
  return path.join(target, 'config.json');
}

/**
 * Settings of the text encoder that an LDM config names: from `<version>/config.json` beside the
 * checkpoint, else those known for the model's public name; undefined if neither is there.
 *
 * @throws AppError `checkpoint.config`
 */
export async function readClipSettings(
  checkpointPath: string,
  version: string,
): Promise<ClipTextSettings | undefined> {
  const settings = await readClipConfig(clipConfigPath(checkpointPath, version));
  if (settings) return settings;
  return version === 'openai/clip-vit-large-patch14' ? clipLargeSettings : undefined;
}

/**
 * What a transformers CLIP config says of the text encoder; undefined if there is no such file.
 *
 * @throws AppError `checkpoint.config`
 */
export async function readClipConfig(configPath: string): Promise<ClipTextSettings | undefined> {
  const config = await readJsonConfig(configPath, configSchema, 'a CLIP text config');
  if (!config) return undefined;
  const stated = claimNames.flatMap((name) => {
    const value = config[name];
    return typeof value === 'number' ? [[name, value] as const] : [];
  });
  return {
    hiddenSize: config.hidden_size,
    heads: config.num_attention_heads,
    activation: config.hidden_act,
    layerNormEps: config.layer_norm_eps,
    layers: config.num_hidden_layers ?? undefined,
    statedIn: configPath,
    claims: Object.fromEntries(stated),
  };
}
