import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import {
  parseSafetensorsHeader,
  type TensorInfo,
} from '../../src/checkpoint/safetensors-header.ts';
import { fileBytes } from '../checkpoint/safetensors-fixtures.ts';

const tinySd = path.resolve(import.meta.dirname, '../../presets/tiny-sd');

/** A tensor of the folder: its name there, its shape and its bytes. */
export interface Part {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** How the folder is written. */
interface FolderForm {
  /** Between the names of files of weights and their ending: `.fp16`. Default: nothing. */
  readonly variant?: string;
  /** Whether the VAE's attention is named as before diffusers 0.16. */
  readonly hasOldNames?: boolean;
}

/**
 * Writes the model that comes with the program as a diffusers folder, its float16 bytes as they are.
 * Its names are derived here from the numbers of this one model: nothing is shared with what is tested.
 */
export function writeTinySdFolder(
  folder: string,
  { variant = '', ...form }: FolderForm = {},
): string {
  const parts = readParts(form.hasOldNames === true);
  for (const [component, stem] of [
    ['unet', 'diffusion_pytorch_model'],
    ['vae', 'diffusion_pytorch_model'],
    ['text_encoder', 'model'],
  ] as const) {
    mkdirSync(path.join(folder, component), { recursive: true });
    const file = path.join(folder, component, `${stem}${variant}.safetensors`);
    writeFileSync(file, partsFile(parts[component]));
  }
  const clip = path.join(tinySd, 'tiny-clip');
  cpSync(clip, path.join(folder, 'text_encoder'), { recursive: true });
  for (const [name, config] of Object.entries(configs)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), `${JSON.stringify(config, null, 2)}\n`);
  }
  return folder;
}

/** Divides a component's weights into two files with an index, as large models have them. */
export function shardUnet(folder: string): void {
  const parts = readParts(false).unet;
  const names = ['00001', '00002'].map(
    (number) => `diffusion_pytorch_model-${number}-of-00002.safetensors`,
  );
  const halves = [
    parts.filter(({ name }) => name.includes('attn2')),
    parts.filter(({ name }) => !name.includes('attn2')),
  ];
  const weightMap: Record<string, string> = {};
  halves.forEach((half, i) => {
    writeFileSync(path.join(folder, 'unet', names[i]!), partsFile(half));
    for (const { name } of half) weightMap[name] = names[i]!;
  });
  const index = { metadata: { total_size: 0 }, weight_map: weightMap };
  const file = 'diffusion_pytorch_model.safetensors.index.json';
  writeFileSync(path.join(folder, 'unet', file), JSON.stringify(index));
}

/** As the repositories of SD 1.5 have them: what is left out has its usual value. */
export const configs = {
  'model_index.json': {
    _class_name: 'StableDiffusionPipeline',
    _diffusers_version: '0.6.0',
    feature_extractor: ['transformers', 'CLIPImageProcessor'],
    safety_checker: [null, null],
    scheduler: ['diffusers', 'PNDMScheduler'],
    text_encoder: ['transformers', 'CLIPTextModel'],
    tokenizer: ['transformers', 'CLIPTokenizer'],
    unet: ['diffusers', 'UNet2DConditionModel'],
    vae: ['diffusers', 'AutoencoderKL'],
  },
  'unet/config.json': {
    _class_name: 'UNet2DConditionModel',
    act_fn: 'silu',
    attention_head_dim: 8,
    block_out_channels: [64, 64, 64, 64],
    center_input_sample: false,
    cross_attention_dim: 64,
    down_block_types: [
      'CrossAttnDownBlock2D',
      'CrossAttnDownBlock2D',
      'CrossAttnDownBlock2D',
      'DownBlock2D',
    ],
    downsample_padding: 1,
    flip_sin_to_cos: true,
    freq_shift: 0,
    in_channels: 4,
    layers_per_block: 2,
    mid_block_scale_factor: 1,
    norm_eps: 1e-5,
    norm_num_groups: 32,
    out_channels: 4,
    sample_size: 8,
    up_block_types: ['UpBlock2D', 'CrossAttnUpBlock2D', 'CrossAttnUpBlock2D', 'CrossAttnUpBlock2D'],
  },
  'vae/config.json': {
    _class_name: 'AutoencoderKL',
    act_fn: 'silu',
    block_out_channels: [32, 32, 64, 64],
    down_block_types: Array(4).fill('DownEncoderBlock2D'),
    in_channels: 3,
    latent_channels: 4,
    layers_per_block: 2,
    out_channels: 3,
    sample_size: 64,
    up_block_types: Array(4).fill('UpDecoderBlock2D'),
  },
  'scheduler/scheduler_config.json': {
    _class_name: 'PNDMScheduler',
    beta_end: 0.012,
    beta_schedule: 'scaled_linear',
    beta_start: 0.00085,
    num_train_timesteps: 1000,
    set_alpha_to_one: false,
    skip_prk_steps: true,
    steps_offset: 1,
    trained_betas: null,
  },
  'tokenizer/tokenizer_config.json': { model_max_length: 77 },
  'feature_extractor/preprocessor_config.json': { crop_size: 224 },
};

function readParts(hasOldNames: boolean): Record<'unet' | 'vae' | 'text_encoder', Part[]> {
  const model = readFileSync(path.join(tinySd, 'tiny-sd.safetensors'));
  const headerEnd = 8 + Number(model.readBigUInt64LE(0));
  const { tensors } = parseSafetensorsHeader(model.subarray(8, headerEnd), model.length, 'tiny');
  const parts = { unet: [] as Part[], vae: [] as Part[], text_encoder: [] as Part[] };
  for (const info of tensors.values()) {
    const bytes = model.subarray(info.fileOffset, info.fileOffset + info.byteLength);
    const { dtype, shape } = info;
    const prefix = /^(model\.diffusion_model|first_stage_model|cond_stage_model\.transformer)\./;
    const [found = '', part] = prefix.exec(info.name) ?? [];
    const name = info.name.slice(found.length);
    if (part === 'model.diffusion_model') {
      parts.unet.push({ name: unetName(name), dtype, shape, bytes });
    } else if (part === 'first_stage_model') {
      parts.vae.push(vaePart(name, { ...info, bytes }, hasOldNames));
    } else if (part) {
      parts.text_encoder.push({ name, dtype, shape, bytes });
    }
  }
  return parts;
}

/** A safetensors file of the tensors. */
export function partsFile(parts: readonly Part[]): Buffer {
  const sorted = [...parts].sort((a, b) => (a.name < b.name ? -1 : 1));
  const header: Record<string, object> = { __metadata__: { format: 'pt' } };
  let end = 0;
  for (const { name, dtype, shape, bytes } of sorted) {
    header[name] = { dtype, shape, data_offsets: [end, end + bytes.byteLength] };
    end += bytes.byteLength;
  }
  return fileBytes(header, Buffer.concat(sorted.map(({ bytes }) => bytes)));
}

/** Two residual blocks and a downsampling at each of four levels; three and an upsampling going up. */
export function unetName(name: string): string {
  const [side = '', number = '', part = '', ...rest] = name.split('.');
  const block = Number(number);
  const leaf = rest.join('.');
  const outer: Record<string, string> = {
    'time_embed.0': 'time_embedding.linear_1',
    'time_embed.2': 'time_embedding.linear_2',
    'out.0': 'conv_norm_out',
    'out.2': 'conv_out',
    'input_blocks.0': 'conv_in',
    'middle_block.1': 'mid_block.attentions.0',
  };
  const module = outer[`${side}.${number}`];
  if (module === 'conv_in') return `conv_in.${leaf}`;
  if (module !== undefined) return name.replace(`${side}.${number}`, module);
  if (side === 'middle_block') {
    return `mid_block.resnets.${block / 2}.${resnetName([part, ...rest].join('.'))}`;
  }
  return levelName(side === 'input_blocks', block, part, leaf);
}

function levelName(isDown: boolean, block: number, part: string, leaf: string): string {
  const level = Math.floor((isDown ? block - 1 : block) / 3);
  const at = (isDown ? block - 1 : block) % 3;
  const place = `${isDown ? 'down' : 'up'}_blocks.${level}`;
  if (leaf.startsWith('op.')) return `${place}.downsamplers.0.conv.${leaf.slice(3)}`;
  if (leaf.startsWith('conv.')) return `${place}.upsamplers.0.${leaf}`;
  return part === '0'
    ? `${place}.resnets.${at}.${resnetName(leaf)}`
    : `${place}.attentions.${at}.${leaf}`;
}

function resnetName(leaf: string): string {
  return leaf
    .replace('in_layers.0', 'norm1')
    .replace('in_layers.2', 'conv1')
    .replace('out_layers.0', 'norm2')
    .replace('out_layers.3', 'conv2')
    .replace('emb_layers.1', 'time_emb_proj')
    .replace('skip_connection', 'conv_shortcut');
}

/** A tensor of the VAE as diffusers has it. */
export function vaePart(
  ldmName: string,
  { dtype, shape, bytes }: TensorInfo & { bytes: Uint8Array },
  hasOldNames: boolean,
): Part {
  let name = ldmName
    .replace(/\bmid\.block_(\d)/, (_, number) => `mid_block.resnets.${Number(number) - 1}`)
    .replace('mid.attn_1', 'mid_block.attentions.0')
    .replace(/\bdown\.(\d)\.block\.(\d)/, 'down_blocks.$1.resnets.$2')
    .replace(/\bdown\.(\d)\.downsample/, 'down_blocks.$1.downsamplers.0')
    .replace(
      /\bup\.(\d)\.block\.(\d)/,
      (_, level, i) => `up_blocks.${3 - Number(level)}.resnets.${i}`,
    )
    .replace(/\bup\.(\d)\.upsample/, (_, level) => `up_blocks.${3 - Number(level)}.upsamplers.0`)
    .replace('nin_shortcut', 'conv_shortcut')
    .replace('norm_out', 'conv_norm_out');
  if (!name.includes('attentions')) return { name, dtype, shape, bytes };
  const [q, k, v, out] = hasOldNames
    ? ['query', 'key', 'value', 'proj_attn']
    : ['to_q', 'to_k', 'to_v', 'to_out.0'];
  name = name
    .replace('.norm.', '.group_norm.')
    .replace('.q.', `.${q}.`)
    .replace('.k.', `.${k}.`)
    .replace('.v.', `.${v}.`)
    .replace('.proj_out.', `.${out}.`);
  return { name, dtype, shape: shape.slice(0, 2), bytes };
}
