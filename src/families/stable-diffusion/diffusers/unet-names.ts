import { UNET_PREFIX } from '../layout/unet-layout.ts';
import { ModuleTree, renameKeys } from './module-names.ts';

/** Of diffusers' `ResnetBlock2D`, and what LDM's `ResBlock` calls the same. */
const resnetModules = {
  norm1: 'in_layers.0',
  conv1: 'in_layers.2',
  time_emb_proj: 'emb_layers.1',
  norm2: 'out_layers.0',
  conv2: 'out_layers.3',
  conv_shortcut: 'skip_connection',
} as const;

/**
 * Keys of a UNet in a single-file checkpoint by those that diffusers' `UNet2DConditionModel` has for
 * the same tensors. Diffusers groups the blocks by levels; LDM numbers them in the order of their
 * work, so the numbers follow from how many blocks each level has. Tensors that LDM has no name for
 * keep theirs: what they are is for whoever derives the layout.
 * (huggingface/diffusers, scripts/convert_original_stable_diffusion_to_diffusers.py,
 * `convert_ldm_unet_checkpoint`)
 */
export function unetNames(keys: readonly string[]): Map<string, string> {
  const tree = new ModuleTree(keys);
  const modules = new Map([
    ['time_embedding.linear_1', 'time_embed.0'],
    ['time_embedding.linear_2', 'time_embed.2'],
    ['add_embedding.linear_1', 'label_emb.0.0'],
    ['add_embedding.linear_2', 'label_emb.0.2'],
    ['conv_in', 'input_blocks.0.0'],
    ['conv_norm_out', 'out.0'],
    ['conv_out', 'out.2'],
    ...inputModules(tree),
    ...middleModules(tree),
    ...outputModules(tree),
  ]);
  const known = renameKeys(
    keys,
    new Map([...modules].map(([module, name]) => [module, `${UNET_PREFIX}${name}`])),
  );
  return new Map(keys.map((key) => [key, known.get(key) ?? `${UNET_PREFIX}${key}`]));
}

type ModulePair = readonly [module: string, name: string];

function* inputModules(tree: ModuleTree): Generator<ModulePair> {
  let block = 1;
  for (let level = 0, levels = tree.count('down_blocks'); level < levels; level++) {
    const from = `down_blocks.${level}`;
    for (let i = 0, resnets = tree.count(`${from}.resnets`); i < resnets; i++, block++) {
      yield* resnet(`${from}.resnets.${i}`, `input_blocks.${block}.0`);
      yield [`${from}.attentions.${i}`, `input_blocks.${block}.1`];
    }
    if (tree.has(`${from}.downsamplers.0`)) {
      yield [`${from}.downsamplers.0.conv`, `input_blocks.${block}.0.op`];
      block++;
    }
  }
}

function* middleModules(tree: ModuleTree): Generator<ModulePair> {
  yield* resnet('mid_block.resnets.0', 'middle_block.0');
  yield ['mid_block.attentions.0', 'middle_block.1'];
  const last = tree.has('mid_block.attentions.0') ? 2 : 1;
  yield* resnet('mid_block.resnets.1', `middle_block.${last}`);
}

function* outputModules(tree: ModuleTree): Generator<ModulePair> {
  let block = 0;
  for (let level = 0, levels = tree.count('up_blocks'); level < levels; level++) {
    const from = `up_blocks.${level}`;
    const resnets = tree.count(`${from}.resnets`);
    for (let i = 0; i < resnets; i++, block++) {
      yield* resnet(`${from}.resnets.${i}`, `output_blocks.${block}.0`);
      yield [`${from}.attentions.${i}`, `output_blocks.${block}.1`];
      // LDM has it as the last part of the level's last block.
      if (i === resnets - 1) {
        const part = tree.has(`${from}.attentions.${i}`) ? 2 : 1;
        yield [`${from}.upsamplers.0.conv`, `output_blocks.${block}.${part}.conv`];
      }
    }
  }
}

function* resnet(from: string, to: string): Generator<ModulePair> {
  for (const [module, name] of Object.entries(resnetModules)) {
    yield [`${from}.${module}`, `${to}.${name}`];
  }
}
