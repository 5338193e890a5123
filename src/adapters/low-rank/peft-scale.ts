import { readFile } from 'node:fs/promises';
import path from 'node:path';

import type { SafetensorsFile } from '../../checkpoint/safetensors-reader.ts';

/** How peft tells how often a change counts: α and whether it is divided by √r, of one model. */
interface PeftConfig {
  readonly lora_alpha?: unknown;
  readonly use_rslora?: unknown;
}

/**
 * How often a layer's change counts where no `alpha` stands beside it: as peft's settings say, which
 * diffusers keeps in the metadata and peft in `adapter_config.json`; else once, as web UIs have it.
 */
export async function readPeftScale(
  file: SafetensorsFile,
): Promise<(layer: string, rank: number) => number> {
  const inMetadata = parseObject(file.metadata.get('lora_adapter_metadata') ?? '');
  const besides = parseObject(
    await readFile(path.join(path.dirname(file.path), 'adapter_config.json'), 'utf8').catch(
      () => '',
    ),
  );
  const isPeft = [...file.tensors.keys()].some((name) => name.includes('.lora_A.'));
  return (layer, rank) => {
    const component = layer.startsWith('unet_')
      ? 'unet'
      : layer.startsWith('te2_')
        ? 'text_encoder_2'
        : 'text_encoder';
    const ofComponent = {
      lora_alpha: inMetadata[`${component}.lora_alpha`],
      use_rslora: inMetadata[`${component}.use_rslora`],
    };
    return scaleOf(ofComponent, rank) ?? (isPeft ? scaleOf(besides, rank) : null) ?? 1;
  };
}

function scaleOf({ lora_alpha: alpha, use_rslora: isRankStabilised }: PeftConfig, rank: number) {
  if (typeof alpha !== 'number') return null;
  return alpha / (isRankStabilised === true ? Math.sqrt(rank) : rank);
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null
      ? (value as Readonly<Record<string, unknown>>)
      : {};
  } catch {
    return {};
  }
}
