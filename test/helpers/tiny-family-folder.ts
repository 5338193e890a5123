import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { parseSafetensorsHeader } from '../../src/checkpoint/safetensors-header.ts';
import type { TensorInfo } from '../../src/checkpoint/safetensors-header.ts';
import { configs, type Part, partsFile, unetName, vaePart } from './tiny-sd-folder.ts';

type Component = 'unet' | 'vae' | 'text_encoder' | 'text_encoder_2';
type Tensor = TensorInfo & { readonly bytes: Uint8Array };
type Parts = Record<Component, Part[]>;

/**
 * Writes a model of `writeTinyFamily` as the diffusers folder of the same model, its bytes as they are.
 * Names and configs are written here for these two models: nothing is shared with what is tested.
 *
 * @param variant between names of files of weights and their ending: `.fp16`
 */
export function writeTinyFamilyFolder(
  file: string,
  { family, folder, variant = '' }: { family: 'sd2' | 'sdxl'; folder: string; variant?: string },
): string {
  const parts = readParts(file, family);
  for (const [component, tensors] of Object.entries(parts)) {
    if (tensors.length === 0) continue;
    mkdirSync(path.join(folder, component), { recursive: true });
    const stem = component.startsWith('text') ? 'model' : 'diffusion_pytorch_model';
    const target = path.join(folder, component, `${stem}${variant}.safetensors`);
    writeFileSync(target, partsFile(tensors));
  }
  for (const [name, config] of Object.entries(family === 'sd2' ? v2Configs : xlConfigs)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), `${JSON.stringify(config, null, 2)}\n`);
  }
  return folder;
}

function readParts(file: string, family: 'sd2' | 'sdxl'): Parts {
  const model = readFileSync(file);
  const headerEnd = 8 + Number(model.readBigUInt64LE(0));
  const { tensors } = parseSafetensorsHeader(model.subarray(8, headerEnd), model.length, 'tiny');
  const parts: Parts = { unet: [], vae: [], text_encoder: [], text_encoder_2: [] };
  for (const info of tensors.values()) {
    const bytes = model.subarray(info.fileOffset, info.fileOffset + info.byteLength);
    const part = { ...info, bytes };
    const [, prefix = '', name = ''] =
      /^(model\.diffusion_model|first_stage_model|cond_stage_model\.model|conditioner\.embedders\.\d\.(?:transformer|model))\.(.*)$/.exec(
        info.name,
      ) ?? [];
    if (prefix === 'model.diffusion_model') parts.unet.push({ ...part, name: unetNameOf(name) });
    else if (prefix === 'first_stage_model') parts.vae.push(vaePart(name, part, false));
    else if (prefix.endsWith('transformer')) parts.text_encoder.push({ ...part, name });
    else {
      const component = family === 'sd2' ? 'text_encoder' : 'text_encoder_2';
      parts[component].push(...transformersParts(name, part));
    }
  }
  // What diffusers' converter leaves out: the layer that the UNet is shown nothing of.
  const kept = ({ name }: Part) => family !== 'sd2' || !name.includes('encoder.layers.2.');
  return { ...parts, text_encoder: parts.text_encoder.filter(kept) };
}

function unetNameOf(name: string): string {
  const added = { 'label_emb.0.0': 'linear_1', 'label_emb.0.2': 'linear_2' };
  for (const [from, to] of Object.entries(added)) {
    if (name.startsWith(`${from}.`)) return name.replace(from, `add_embedding.${to}`);
  }
  return unetName(name);
}

/** An open_clip tensor by transformers' names: queries, keys and values are three there. */
function transformersParts(openClipName: string, part: Tensor): Part[] {
  const name = openClipName
    .replace(/^transformer\.resblocks/, 'text_model.encoder.layers')
    .replace(/^(token_embedding)/, 'text_model.embeddings.$1')
    .replace(/^positional_embedding/, 'text_model.embeddings.position_embedding.weight')
    .replace(/^ln_final/, 'text_model.final_layer_norm')
    .replace('.ln_1.', '.layer_norm1.')
    .replace('.ln_2.', '.layer_norm2.')
    .replace('.c_fc.', '.fc1.')
    .replace('.c_proj.', '.fc2.')
    .replace('.attn.', '.self_attn.');
  if (name === 'text_projection') {
    return [{ ...part, name: 'text_projection.weight', bytes: transposed(part) }];
  }
  if (!name.includes('.in_proj_')) return [{ ...part, name }];
  const [rows = 0, ...rest] = part.shape;
  const length = part.bytes.byteLength / 3;
  return ['q', 'k', 'v'].map((letter, i) => ({
    ...part,
    name: name.replace('in_proj_', `${letter}_proj.`),
    shape: [rows / 3, ...rest],
    bytes: part.bytes.subarray(i * length, (i + 1) * length),
  }));
}

/** Of float32. */
function transposed({ shape, bytes }: Tensor): Uint8Array {
  const [rows = 0, columns = 0] = shape;
  const result = new Uint8Array(bytes.byteLength);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const from = 4 * (row * columns + column);
      result.set(bytes.subarray(from, from + 4), 4 * (column * rows + row));
    }
  }
  return result;
}

const clipConfig = (changes: object) => ({
  architectures: ['CLIPTextModel'],
  bos_token_id: 0,
  eos_token_id: 2,
  intermediate_size: 256,
  max_position_embeddings: 77,
  model_type: 'clip_text_model',
  vocab_size: 49408,
  ...changes,
});
const wide = { hidden_size: 256, projection_dim: 512 };

/** As the repositories of SD 2.1 base have them: its text encoder ends with the layer that is used. */
const v2Configs = {
  ...configs,
  'unet/config.json': {
    ...configs['unet/config.json'],
    cross_attention_dim: 256,
    dual_cross_attention: false,
    only_cross_attention: false,
    upcast_attention: false,
    use_linear_projection: true,
  },
  'text_encoder/config.json': clipConfig({
    ...wide,
    hidden_act: 'gelu',
    num_attention_heads: 4,
    num_hidden_layers: 2,
  }),
  'tokenizer/tokenizer_config.json': { model_max_length: 77, pad_token: '!' },
};

const { text_encoder: encoder, tokenizer } = configs['model_index.json'];
/** As the repositories of SDXL have them, but that the empty prompt is meant where none is given. */
const xlConfigs = {
  ...configs,
  'model_index.json': {
    _class_name: 'StableDiffusionXLPipeline',
    _diffusers_version: '0.19.0.dev0',
    force_zeros_for_empty_prompt: false,
    add_watermarker: null,
    scheduler: ['diffusers', 'EulerDiscreteScheduler'],
    ...{ text_encoder: encoder, tokenizer, tokenizer_2: tokenizer },
    text_encoder_2: ['transformers', 'CLIPTextModelWithProjection'],
    unet: ['diffusers', 'UNet2DConditionModel'],
    vae: ['diffusers', 'AutoencoderKL'],
  },
  'unet/config.json': {
    ...configs['unet/config.json'],
    addition_embed_type: 'text_time',
    addition_embed_type_num_heads: 64,
    addition_time_embed_dim: 16,
    attention_head_dim: [8, 8, 8, 8],
    cross_attention_dim: 320,
    num_attention_heads: null,
    projection_class_embeddings_input_dim: 160,
    transformer_layers_per_block: [1, 1, 1, 1],
    use_linear_projection: true,
  },
  'vae/config.json': { ...configs['vae/config.json'], force_upcast: true },
  'text_encoder/config.json': clipConfig({
    ...wide,
    hidden_act: 'quick_gelu',
    num_attention_heads: 16,
    num_hidden_layers: 4,
  }),
  'text_encoder_2/config.json': clipConfig({
    architectures: ['CLIPTextModelWithProjection'],
    hidden_act: 'gelu',
    hidden_size: 64,
    num_attention_heads: 1,
    num_hidden_layers: 2,
    projection_dim: 64,
  }),
  'tokenizer_2/tokenizer_config.json': { model_max_length: 77, pad_token: '!' },
};
