import { readFile } from 'node:fs/promises';
import path from 'node:path';

import type { SafetensorsFile } from '../../checkpoint/safetensors-reader.ts';

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
      alpha_pattern: inMetadata[`${component}.alpha_pattern`],
      use_rslora: inMetadata[`${component}.use_rslora`],
    };
    const place = { layer, rank };
    return scaleOf(ofComponent, place) ?? (isPeft ? scaleOf(besides, place) : null) ?? 1;
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
