import { describe, expect, it } from 'vitest';

import type { NamedShape } from '../../src/families/stable-diffusion/layout/named-shapes.ts';
import { UNET_PREFIX, unetShapes } from '../../src/families/stable-diffusion/layout/unet-layout.ts';
import { describeForeignTensors } from '../../src/families/stable-diffusion/foreign-tensors.ts';
import { findUnetCopies } from '../../src/families/stable-diffusion/unet-copies.ts';
import { layOut } from './safetensors-fixtures.ts';
import { sd1Shapes, unet } from './small-checkpoints.ts';

const own = [...unetShapes(unet)];

function tableOf(extra: Iterable<NamedShape>) {
  return new Map(layOut([...sd1Shapes(), ...extra]).map((info) => [info.name, info]));
}

/** The UNet's tensors under other names. */
const copied = (rename: (name: string) => string) =>
  own.map(([name, shape]): NamedShape => [rename(name.slice(UNET_PREFIX.length)), shape]);

describe('copies of the UNet in a single file', () => {
  it.each<[string, string, (name: string) => string]>([
    [
      "LDM's average",
      'model_ema.*',
      (name) => `model_ema.diffusion_model${name.replaceAll('.', '')}`,
    ],
    ['an average with dots', 'model_ema.*', (name) => `model_ema.diffusion_model.${name}`],
    ['diffusion_ema', 'diffusion_ema.*', (name) => `diffusion_ema.${name}`],
    ['ema', 'ema.*', (name) => `ema.model.diffusion_model.${name}`],
    ['ema_model', 'ema_model.*', (name) => `ema_model.module.${name}`],
    ['unet_ema', 'unet_ema.*', (name) => `unet_ema.${name}`],
    ['a second UNet', 'model2.diffusion_model.*', (name) => `model2.diffusion_model.${name}`],
    ['a UNet without prefix', '*', (name) => name],
  ])('are found: %s', (_what, group, rename) => {
    const copies = findUnetCopies(tableOf([...copied(rename), ['model_step', []]]));
    expect(copies.groups).toEqual([group]);
    expect(copies.names).toEqual(new Set(copied(rename).map(([name]) => name)));
  });

  it("are found by diffusers' names, and with an average its counters", () => {
    const { names, groups } = findUnetCopies(
      tableOf([
        ['unet.down_blocks.0.attentions.0.proj_in.weight', [64, 64]],
        ['unet.conv_in.weight', [64, 4, 3, 3]],
        ['model_ema.decay', []],
        ['model_ema.num_updates', []],
      ]),
    );
    expect(names.size).toBe(4);
    expect(groups).toEqual(['unet.*', 'model_ema.*']);
  });

  it('are none of what else people have in their files', () => {
    const { names } = findUnetCopies(
      tableOf([
        ['betas', [1000]],
        ['alphas_cumprod', [1000]],
        ['cond_stage_model_ema.transformer.text_model.final_layer_norm.weight', [768]],
        ['first_stage_model.model_ema.decay', []],
        ['loss.logvar', []],
        ['lora_unet_down_blocks_0_attentions_0_proj_in.lora_up.weight', [64, 4]],
        ['unet.down_blocks.0.attentions.0.proj_in.lora.up.weight', [64, 4]],
        ['ip_adapter.1.to_out.0.bias', [64]],
        ['schema.out.0.weight', [64]],
        ['v_pred', []],
      ]),
    );
    expect([...names]).toEqual([]);
  });
});

describe('tensors of a UNet that its layout does not have', () => {
  const told = (...names: string[]) =>
    describeForeignTensors(tableOf(names.map((name) => [UNET_PREFIX + name, [1]])), unet);

  it('are none in a model as it is published', () => {
    expect(describeForeignTensors(tableOf([]), unet)).toBeNull();
  });

  it.each([
    ['time_embed.cond_proj.weight', /LCM/],
    ['time_embedding.cond_proj.weight', /LCM/],
    ['input_blocks.1.1.transformer_blocks.0.fuser.linear.weight', /GLIGEN/],
    ['position_net.null_positive_feature', /GLIGEN/],
    ['input_blocks.1.1.transformer_blocks.0.attn2.to_k_ip.weight', /IP-Adapter/],
    ['input_blocks.1.1.transformer_blocks.0.attn2.processor.to_v_ip.0.weight', /IP-Adapter/],
    ['encoder_hid_proj.weight', /IP-Adapter/],
    ['input_blocks.1.2.temporal_transformer.norm.weight', /video/],
    ['down_blocks.0.motion_modules.0.temporal_transformer.proj_in.weight', /video/],
    ['input_blocks.1.0.time_stack.in_layers.0.weight', /video/],
    ['input_hint_block.0.weight', /ControlNet/],
    ['zero_convs.0.0.weight', /ControlNet/],
    ['adapter.body.0.in_conv.weight', /T2I adapter/],
    ['input_blocks.1.1.transformer_blocks.0.attn2.to_k.lora_down.weight', /LoRA/],
    ['input_blocks.1.1.transformer_blocks.0.attn2.to_k.lora_A.default.weight', /LoRA/],
    ['input_blocks.1.0.in_layers.2.scale_weight', /quantised/],
    ['input_blocks.1.0.in_layers.2.weight.quant_state.bitsandbytes__nf4', /quantised/],
    ['label_emb.weight', /classes/],
    ['add_embedding.linear_1.weight', /classes/],
    ['something.new', /holds "something\.new", which is no part/],
  ])('are told for what they are: %s', (name, what) => {
    expect(told(name)).toMatch(what);
    expect(told(name)).toContain(name);
  });

  it('are told with the first of many', () => {
    expect(told('new.a', 'new.b', 'new.c')).toContain('"new.a" and 2 more tensors');
  });
});
