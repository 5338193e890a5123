import { inputBlocks, outputBlocks, type UnetConfig, UNET_PREFIX } from './layout/unet-layout.ts';

/** What diffusers calls the parts of LDM's `ResBlock`. */
const residualParts = {
  'in_layers.2': 'conv1',
  'emb_layers.1': 'time_emb_proj',
  'out_layers.3': 'conv2',
  skip_connection: 'conv_shortcut',
} as const;

/**
 * What a LoRA file calls layers of a UNet, by their keys in a checkpoint without the last part. Web UIs
 * know the layers of SD 1.x and 2.x by diffusers' names, those of SDXL by the checkpoint's own.
 * (kohya-ss/sd-scripts, networks/lora.py and library/sdxl_original_unet.py)
 */
export function loraLayerNames(config: UnetConfig, layers: Iterable<string>): Map<string, string> {
  const listed = [...layers];
  const named = config.admInChannels === null ? diffusersLayerNames(config, listed) : null;
  return new Map(
    listed.map((layer) => {
      const name = named?.get(layer) ?? layer.slice(UNET_PREFIX.length);
      return [layer, `lora_unet_${name.replaceAll('.', '_')}`];
    }),
  );
}

/** What diffusers calls layers of a UNet, by their keys in a checkpoint without the last part. */
export function diffusersLayerNames(
  config: UnetConfig,
  layers: Iterable<string>,
): Map<string, string> {
  const renamed = diffusersModules(config);
  return new Map(
    [...layers].map((layer) => {
      const key = layer.slice(UNET_PREFIX.length);
      const [from, to] = renamed.find(([module]) => isWithin(key, module)) ?? ['', ''];
      return [layer, `${to}${key.slice(from.length)}`];
    }),
  );
}

function isWithin(key: string, module: string): boolean {
  return key === module || key.startsWith(`${module}.`);
}

/** LDM's modules with diffusers' names of them, the inner ones before those that hold them. */
function diffusersModules(config: UnetConfig): (readonly [ldm: string, diffusers: string])[] {
  const levels = config.channelMult.length;
  const sides = [
    {
      blocks: inputBlocks(config),
      name: (level: number) => `down_blocks.${level}`,
      resampler: 'downsamplers.0.conv',
    },
    {
      blocks: outputBlocks(config),
      name: (level: number) => `up_blocks.${levels - 1 - level}`,
      // LDM calls the convolution within so, too.
      resampler: 'upsamplers.0',
    },
  ];
  const blocks = sides.flatMap(({ blocks: all, name, resampler }) =>
    all.flatMap(({ level, residual, transformer, depth, resampling }) => {
      const index = all
        .filter((block) => block.level === level)
        .findIndex((block) => block.residual === residual);
      return [
        ...residualModules(residual, `${name(level)}.resnets.${index}`),
        ...(depth === 0 ? [] : [[transformer, `${name(level)}.attentions.${index}`] as const]),
        ...(resampling === null ? [] : [[resampling, `${name(level)}.${resampler}`] as const]),
      ];
    }),
  );
  return [
    ['time_embed.0', 'time_embedding.linear_1'],
    ['time_embed.2', 'time_embedding.linear_2'],
    ['label_emb.0.0', 'add_embedding.linear_1'],
    ['label_emb.0.2', 'add_embedding.linear_2'],
    ['input_blocks.0.0', 'conv_in'],
    ['out.2', 'conv_out'],
    ...blocks,
    ...residualModules('middle_block.0', 'mid_block.resnets.0'),
    ['middle_block.1', 'mid_block.attentions.0'],
    ...residualModules('middle_block.2', 'mid_block.resnets.1'),
  ];
}

function residualModules(ldm: string, diffusers: string) {
  return Object.entries(residualParts).map(
    ([part, name]) => [`${ldm}.${part}`, `${diffusers}.${name}`] as const,
  );
}
