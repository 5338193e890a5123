import { describe, expect, it } from 'vitest';

import { describeOtherFile } from '../../src/families/other-files.ts';
import { recognizeVersion } from '../../src/families/stable-diffusion/recognize.ts';
import { layOut } from './safetensors-fixtures.ts';

function recognizeNames(...names: string[]) {
  const infos = layOut(names.map((name) => [name, [1]] as const));
  const tensors = new Map(infos.map((info) => [info.name, info]));
  return recognizeVersion(tensors) ?? describeOtherFile(tensors);
}

const unet = 'model.diffusion_model.input_blocks.0.0.weight';
const vae = 'first_stage_model.encoder.conv_in.weight';

describe('a whole checkpoint', () => {
  it.each([
    ['sd1', ['cond_stage_model.transformer.text_model.embeddings.token_embedding.weight']],
    ['sd1', ['cond_stage_model.transformer.embeddings.token_embedding.weight']],
    ['sd2', ['cond_stage_model.model.token_embedding.weight']],
    [
      'sdxl',
      [
        'conditioner.embedders.0.transformer.text_model.final_layer_norm.bias',
        'conditioner.embedders.1.model.ln_final.bias',
      ],
    ],
    ['sdxl-refiner', ['conditioner.embedders.0.model.ln_final.bias']],
  ])('of family %s is known by its text encoder %j', (family, names) => {
    expect(recognizeNames(unet, vae, ...names, 'model_ema.decay')).toBe(family);
  });
});

describe('another file', () => {
  it.each([
    ['lora', 'lora_unet_down_blocks_0_attentions_0_proj_in.lora_up.weight', /merge them first/],
    ['lora', 'unet.down_blocks.0.attentions.0.attn1.to_q.lora_A.weight', /LoRA/],
    ['lora', 'lycoris_x.hada_w1_a', /LoRA/],
    ['controlnet', 'control_model.input_hint_block.0.weight', /ControlNet/],
    ['adapter', 'image_proj.norm.weight', /IP-Adapter/],
    ['adapter', 'body.0.in_conv.weight', /T2I adapter/],
    ['motion-module', 'down_blocks.0.motion_modules.0.temporal_transformer.norm.bias', /video/],
    ['flux', 'double_blocks.0.img_attn.qkv.weight', /Flux/],
    ['flux', 'model.diffusion_model.double_blocks.0.img_attn.qkv.weight', /Flux/],
    ['sd3', 'model.diffusion_model.joint_blocks.0.x_block.attn.qkv.weight', /Diffusion 3/],
    ['diffusers-unet', 'down_blocks.0.resnets.0.conv1.weight', /model_index\.json/],
    ['diffusers-vae', 'encoder.down_blocks.0.resnets.0.conv1.weight', /VAE/],
    ['text-encoder', 'text_model.encoder.layers.0.mlp.fc1.weight', /text encoder alone/],
    ['vae', 'encoder.down.0.block.0.conv1.weight', /VAE alone/],
    ['vae', vae, /no UNet/],
    ['unet', 'input_blocks.0.0.weight', /UNet alone/],
    ['unet', unet, /no text encoder/],
    ['embedding', 'emb_params', /embedding/],
    ['unknown', 'model.layers.0.self_attn.q_proj.weight', /no UNet/],
  ])('is known as %s by %s', (family, name, explanation) => {
    expect(recognizeNames(name)).toMatchObject({
      family,
      explanation: expect.stringMatching(explanation) as string,
    });
  });

  it('is a checkpoint without VAE, or a ControlNet within its base model', () => {
    const text = 'cond_stage_model.transformer.text_model.final_layer_norm.bias';
    expect(recognizeNames(unet, text)).toBe('sd1');
    expect(recognizeNames(unet, text, vae, 'control_model.x')).toMatchObject({
      family: 'controlnet',
    });
  });

  it('is one with no tensor at all', () => {
    expect(recognizeNames()).toMatchObject({ family: 'unknown' });
  });
});
