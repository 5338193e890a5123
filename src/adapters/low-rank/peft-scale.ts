import path from 'node:path';

import { readConfigText } from '../../checkpoint/read-text.ts';
import type { SafetensorsFile } from '../../checkpoint/safetensors-reader.ts';
import { AppError } from '../../errors.ts';

const SETTINGS_FILE = 'adapter_config.json';
/** Some name every layer. */
const MAX_SETTINGS_BYTES = 4 * 1024 * 1024;
const METADATA = 'its metadata "lora_adapter_metadata"';

type Settings = Readonly<Record<string, unknown>>;

/** How peft tells how often a change counts: α and whether it is divided by √r, of one model. */
interface PeftConfig {
  readonly lora_alpha?: unknown;
  /** α of layers whose names end so. */
  readonly alpha_pattern?: unknown;
  readonly use_rslora?: unknown;
}

/**
 * How often a layer's change counts where no `alpha` stands beside it: as peft's settings say, which
 * diffusers keeps in the metadata and peft in `adapter_config.json`; else once, as web UIs have it.
 *
 * @throws AppError `lora.invalid` for settings that are there and cannot be read
 */
export async function readPeftScale(
  file: SafetensorsFile,
): Promise<(layer: string, rank: number) => number> {
  const name = path.basename(file.path);
  const stored = file.metadata.get('lora_adapter_metadata');
  const inMetadata = stored === undefined ? {} : parseSettings(stored, METADATA, name);
  const isPeft = [...file.tensors.keys()].some((key) => key.includes('.lora_A.'));
  // Beside others of other programs, it is not theirs.
  const besides = isPeft ? await readBesides(file.path) : {};
  return (layer, rank) => {
    const component = layer.startsWith('unet_')
      ? 'unet'
      : layer.startsWith('te2_')
        ? 'text_encoder_2'
        : 'text_encoder';
    const ofComponent = {
      lora_alpha: inMetadata[`${component}.lora_alpha`],
      alpha_pattern: inMetadata[`${component}.alpha_pattern`],
      use_rslora: inMetadata[`${component}.use_rslora`],
    };
    const place = { layer, rank };
    return scaleOf(ofComponent, place) ?? scaleOf(besides, place) ?? 1;
  };
}

function scaleOf(
  { lora_alpha: usual, alpha_pattern: pattern, use_rslora: isRankStabilised }: PeftConfig,
  { layer, rank }: { readonly layer: string; readonly rank: number },
): number | null {
  const ofLayer = Object.entries(pattern ?? {}).find(([name]) =>
    `_${layer}`.endsWith(`_${name.replaceAll('.', '_')}`),
  );
  const alpha: unknown = ofLayer?.[1] ?? usual;
  if (typeof alpha !== 'number') return null;
  return alpha / (isRankStabilised === true ? Math.sqrt(rank) : rank);
}

async function readBesides(loraPath: string): Promise<Settings> {
  const name = path.basename(loraPath);
  const file = path.join(path.dirname(loraPath), SETTINGS_FILE);
  const text = await readConfigText(file, MAX_SETTINGS_BYTES);
  return text === undefined ? {} : parseSettings(text, `"${SETTINGS_FILE}" beside it`, name);
}

/** @param where the settings stand, in words */
function parseSettings(text: string, where: string, lora: string): Settings {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = null;
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Settings;
  throw new AppError(
    'lora.invalid',
    `LoRA "${lora}": ${where}, which says how often its change counts, is no JSON object. Get it again.`,
  );
}
