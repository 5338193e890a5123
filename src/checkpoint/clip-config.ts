import path from 'node:path';
import { z } from 'zod';

import { AppError } from '../errors.ts';
import { readJsonConfig } from './json-config.ts';

/** What a transformers CLIP `config.json` says of the text encoder and its tensors do not. */
export interface ClipTextSettings {
  readonly hiddenSize: number;
  readonly heads: number;
  readonly activation: 'quick_gelu' | 'gelu';
  readonly layerNormEps: number;
}

/** openai/clip-vit-large-patch14, the text encoder of every SD 1.x. */
export const clipLargeSettings: ClipTextSettings = {
  hiddenSize: 768,
  heads: 12,
  activation: 'quick_gelu',
  layerNormEps: 1e-5,
};

const textConfigSchema = z.looseObject({
  hidden_size: z.int().min(1),
  num_attention_heads: z.int().min(1),
  hidden_act: z.enum(['quick_gelu', 'gelu']).default('quick_gelu'),
  layer_norm_eps: z.number().positive().max(1).default(1e-5),
});

/** A whole CLIP model's config has the text encoder's part under `text_config`. */
const configSchema = z.union([
  textConfigSchema,
  z.looseObject({ text_config: textConfigSchema }).transform((config) => config.text_config),
]);

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
  const configPath = clipConfigPath(checkpointPath, version);
  const config = await readJsonConfig(configPath, configSchema, 'a CLIP text config');
  if (!config) {
    return version === 'openai/clip-vit-large-patch14' ? clipLargeSettings : undefined;
  }
  const { hidden_size, num_attention_heads, hidden_act, layer_norm_eps } = config;
  return {
    hiddenSize: hidden_size,
    heads: num_attention_heads,
    activation: hidden_act,
    layerNormEps: layer_norm_eps,
  };
}
