import { UNET_PREFIX } from './layout/unet-layout.ts';
import type { TensorTable } from '../../checkpoint/safetensors-header.ts';
import type { DenoiserCopies } from '../family-files.ts';
import { isSameShape, type Shape } from '../../tensor/shape.ts';

/** Parts of a name before which nothing of a UNet stands but its own name. */
const otherParts = /^(first_stage_model|cond_stage_model|conditioner)\./;

/** Text encoders and VAE may have averages of their own, which no erasure changes. */
const averagesOfOthers = /(first_stage|cond_stage|conditioner|text_model|text_encoder|clip|vae)/;

/** A first part of a name that says average: `model_ema`, `ema`, `diffusion_ema`, `ema_unet`. */
const average = /^(?:[a-z\d]+[_-])*ema(?:[_-][a-z\d]+)*(?=\.)/i;

/** Where in a name the part begins that the UNet's own tensors have too; averages leave out dots. */
const unetPart = /(time_embed|label_emb|input_blocks|middle_block|output_blocks|out)\.?\d/;

/** A UNet by diffusers' names. */
const diffusersUnet =
  /^(?:.*\.)?unet\w*\.(?=(?:down_blocks|up_blocks|mid_block|conv_in|conv_out|conv_norm_out|time_embedding|add_embedding)\.)/;

/**
 * Copies of the UNet among the tensors of a single file, by their names and shapes: averages of the
 * weights (LDM's `model_ema`, whose names have no dots, and other spellings) and second UNets.
 */
export function findUnetCopies(tensors: TensorTable): DenoiserCopies {
  const own = new Map<string, Shape>();
  for (const [name, { shape }] of tensors) {
    if (name.startsWith(UNET_PREFIX)) own.set(undotted(name.slice(UNET_PREFIX.length)), shape);
  }
  const others = [...tensors.values()].filter(
    ({ name }) => !name.startsWith(UNET_PREFIX) && !otherParts.test(name),
  );
  const secondUnets = new Set(
    others.flatMap(({ name, shape }) => {
      const part = unetPart.exec(name);
      // Many layers of other models are called `out`.
      if (!part || part[1] === 'out') return [];
      const twin = own.get(undotted(name.slice(part.index)));
      return twin && isSameShape(twin, shape) ? [name.slice(0, part.index)] : [];
    }),
  );
  const groupOf = (name: string): string | undefined => {
    const averaged = averagesOfOthers.test(name) ? undefined : average.exec(name)?.[0];
    if (averaged !== undefined) return `${averaged}.`;
    const begin = unetPart.exec(name)?.index ?? name.length;
    const before = name.slice(0, begin);
    if (secondUnets.has(before) && own.has(undotted(name.slice(begin)))) return before;
    return name.includes('lora') ? undefined : diffusersUnet.exec(name)?.[0];
  };
  const groups = new Map(
    others.flatMap(({ name }) => {
      const group = groupOf(name);
      return group === undefined ? [] : [[name, group] as const];
    }),
  );
  return {
    names: new Set(groups.keys()),
    groups: [...new Set(groups.values())].map((group) => `${group}*`),
  };
}

function undotted(name: string): string {
  return name.replaceAll('.', '');
}
