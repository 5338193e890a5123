import { VAE_PREFIX } from '../layout/vae-layout.ts';
import { ModuleTree, renameKeys } from './module-names.ts';

/** Of the attention in diffusers' VAE, also as it was named before version 0.16. */
const attentionModules = {
  group_norm: 'norm',
  to_q: 'q',
  to_k: 'k',
  to_v: 'v',
  'to_out.0': 'proj_out',
  query: 'q',
  key: 'k',
  value: 'v',
  proj_attn: 'proj_out',
} as const;

/** Weights of an LDM VAE's attention: convolutions of 1×1, which diffusers has as linear layers. */
const attentionWeight = /\.attn_?\d*\.(?:\d+\.)?(?:q|k|v|proj_out)\.weight$/;

/**
 * Keys of a VAE in a single-file checkpoint by those that diffusers' `AutoencoderKL` has for the same
 * tensors. Diffusers numbers the decoder's levels in the order of their work, LDM by resolution.
 * (huggingface/diffusers, scripts/convert_original_stable_diffusion_to_diffusers.py,
 * `convert_ldm_vae_checkpoint`)
 */
export function vaeNames(keys: readonly string[]): Map<string, string> {
  const tree = new ModuleTree(keys);
  const modules = new Map([
    ['quant_conv', 'quant_conv'],
    ['post_quant_conv', 'post_quant_conv'],
    ...coderModules('encoder'),
    ...coderModules('decoder'),
    ...encoderLevels(tree),
    ...decoderLevels(tree),
  ]);
  return renameKeys(
    keys,
    new Map([...modules].map(([module, name]) => [module, `${VAE_PREFIX}${name}`])),
  );
}

/** The shape that a VAE's tensor has in a single-file checkpoint; its bytes are the same. */
export function vaeShape(name: string, shape: readonly number[]): readonly number[] {
  return shape.length === 2 && attentionWeight.test(name) ? [...shape, 1, 1] : shape;
}

type ModulePair = readonly [module: string, name: string];

function* coderModules(coder: 'encoder' | 'decoder'): Generator<ModulePair> {
  yield [`${coder}.conv_in`, `${coder}.conv_in`];
  yield* resnet(`${coder}.mid_block.resnets.0`, `${coder}.mid.block_1`);
  yield* attention(`${coder}.mid_block.attentions.0`, `${coder}.mid.attn_1`);
  yield* resnet(`${coder}.mid_block.resnets.1`, `${coder}.mid.block_2`);
  yield [`${coder}.conv_norm_out`, `${coder}.norm_out`];
  yield [`${coder}.conv_out`, `${coder}.conv_out`];
}

function* encoderLevels(tree: ModuleTree): Generator<ModulePair> {
  for (let level = 0, levels = tree.count('encoder.down_blocks'); level < levels; level++) {
    const from = `encoder.down_blocks.${level}`;
    const to = `encoder.down.${level}`;
    yield* levelBlocks(tree, from, to);
    yield [`${from}.downsamplers.0.conv`, `${to}.downsample.conv`];
  }
}

function* decoderLevels(tree: ModuleTree): Generator<ModulePair> {
  const levels = tree.count('decoder.up_blocks');
  for (let block = 0; block < levels; block++) {
    const from = `decoder.up_blocks.${block}`;
    const to = `decoder.up.${levels - 1 - block}`;
    yield* levelBlocks(tree, from, to);
    yield [`${from}.upsamplers.0.conv`, `${to}.upsample.conv`];
  }
}

function* levelBlocks(tree: ModuleTree, from: string, to: string): Generator<ModulePair> {
  for (let i = 0, resnets = tree.count(`${from}.resnets`); i < resnets; i++) {
    yield* resnet(`${from}.resnets.${i}`, `${to}.block.${i}`);
    yield* attention(`${from}.attentions.${i}`, `${to}.attn.${i}`);
  }
}

/** Norms and convolutions have the same names in both. */
function* resnet(from: string, to: string): Generator<ModulePair> {
  yield [from, to];
  yield [`${from}.conv_shortcut`, `${to}.nin_shortcut`];
}

function* attention(from: string, to: string): Generator<ModulePair> {
  for (const [module, name] of Object.entries(attentionModules)) {
    yield [`${from}.${module}`, `${to}.${name}`];
  }
}
