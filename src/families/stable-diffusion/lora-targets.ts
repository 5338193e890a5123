import type { TensorInfo } from '../../checkpoint/safetensors-header.ts';
import type { LoraTarget } from '../family.ts';
import type { ClipTextConfig } from './layout/clip-text-layout.ts';
import { UNET_PREFIX } from './layout/unet-layout.ts';
import { diffusersLayerNames } from './lora-names.ts';
import type { Opened } from './opened.ts';

/**
 * The weights that LoRA files change, by what files call them: `unet_` with the layer's name in diffusers
 * or in the checkpoint, `te_` (of SDXL `te1_`, `te2_`) with its name in transformers, the parts of all of
 * them joined by `_`.
 */
export function loraTargets({ file, architecture }: Opened): Map<string, LoraTarget> {
  const { unet, textEncoders } = architecture;
  const tensors = [...file.tensors.values()];
  const targets = new Map<string, LoraTarget>();
  const ofUnet = tensors.filter(({ name }) => name.startsWith(UNET_PREFIX)).filter(isMatrix);
  const layerOf = ({ name }: TensorInfo) => name.slice(0, -'.weight'.length);
  const names = diffusersLayerNames(unet, ofUnet.map(layerOf));
  for (const info of ofUnet) {
    const layer = layerOf(info);
    const target = { tensor: info.name, rows: null, part: 'denoiser' } as const;
    for (const name of [layer.slice(UNET_PREFIX.length), names.get(layer) ?? '']) {
      targets.set(`unet_${joined(name)}`, target);
    }
  }
  for (const [index, encoder] of textEncoders.entries()) {
    const name = textEncoders.length === 1 ? 'te' : `te${index + 1}`;
    for (const [layer, target] of encoderTargets(tensors, encoder)) {
      targets.set(`${name}_encoder_layers_${joined(layer)}`, target);
    }
  }
  return targets;
}

function isMatrix({ name, shape }: TensorInfo): boolean {
  return name.endsWith('.weight') && shape.length >= 2;
}

function joined(name: string): string {
  return name.replaceAll('.', '_');
}

/** A text encoder's layers by their names in transformers, from the layer's number on. */
function encoderTargets(
  tensors: readonly TensorInfo[],
  { keyPrefix, layout }: ClipTextConfig,
): [string, LoraTarget][] {
  const start = `${keyPrefix}${layout === 'transformers' ? 'encoder.layers' : 'transformer.resblocks'}.`;
  return tensors.flatMap((info): [string, LoraTarget][] => {
    const { name } = info;
    if (!name.startsWith(start)) return [];
    const key = name.slice(start.length);
    const target = { tensor: name, rows: null, part: 'text encoder' } as const;
    if (layout === 'openclip') return openClipTargets(key, info, target);
    return isMatrix(info) ? [[key.slice(0, -'.weight'.length), target]] : [];
  });
}

/** What transformers call open_clip's layers that go by another name. */
const renamed = {
  'attn.out_proj.weight': 'self_attn.out_proj',
  'mlp.c_fc.weight': 'mlp.fc1',
  'mlp.c_proj.weight': 'mlp.fc2',
} as const;

function openClipTargets(
  key: string,
  { shape: [rows = 0] }: TensorInfo,
  target: LoraTarget,
): [string, LoraTarget][] {
  const { number, rest } = /^(?<number>\d+)\.(?<rest>.+)$/.exec(key)?.groups ?? {};
  if (number === undefined || rest === undefined) return [];
  if (rest === 'attn.in_proj_weight') {
    // Queries, keys and values are one matrix.
    return ['q', 'k', 'v'].map((part, i) => [
      `${number}.self_attn.${part}_proj`,
      { ...target, rows: { from: (i * rows) / 3, count: rows / 3 } },
    ]);
  }
  const name = Object.entries(renamed).find(([theirs]) => theirs === rest)?.[1];
  return name === undefined ? [] : [[`${number}.${name}`, target]];
}
