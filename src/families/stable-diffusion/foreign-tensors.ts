import { UNET_PREFIX, type UnetConfig, unetShapes } from './layout/unet-layout.ts';
import type { TensorTable } from '../../checkpoint/safetensors-header.ts';

/** What people's UNets hold besides Stable Diffusion's own layers. */
interface ForeignKind {
  /** Of names below the UNet's prefix. */
  readonly pattern: RegExp;
  /** What they are and what to do, as an end of a sentence that names one of them. */
  readonly explanation: string;
}

const useBase = 'Erase the concept from the base model that it was made from';

/** Tried from top to bottom: quantised weights and adapters have names within those of other layers. */
const kinds: readonly ForeignKind[] = [
  {
    pattern:
      /(^scaled_fp8$|\.(scale_(weight|input)|(weight|input)_scale(_2)?|comfy_quant|absmax|quant_map|SCB|q(weight|zeros)|g_idx)$|\.quant_state\.)/,
    explanation:
      'which belongs to weights of 8 or 4 bits: the model is quantised, and training needs F16, BF16 or F32. Use the original model',
  },
  {
    pattern: /(lora_|\.lora\.|\.hada_|\.lokr_|\.oft_|\.dora_|\.base_layer\.|\.adapter_down)/,
    explanation: 'a part of a LoRA that is not merged. Merge it into the model first',
  },
  {
    pattern: /(_ip\.|ip_adapter|\.processor\.|^image_proj|^encoder_hid_proj)/,
    explanation: `a part of an IP-Adapter, which draws after pictures. ${useBase}`,
  },
  {
    pattern: /(motion_modules?\.|temporal_|\.time_(stack|mixer|mix|pos_embed)|temp_conv)/,
    explanation: `a layer between the frames of a video (AnimateDiff and the like). Use a model of single pictures`,
  },
  {
    pattern: /(^|\.)cond_proj\./,
    explanation: `an embedding of the guidance scale, which latent consistency models (LCM) are told. ${useBase}`,
  },
  {
    pattern: /(\.fuser\.|^position_net\.)/,
    explanation: `a part of GLIGEN, which places objects in boxes. ${useBase}`,
  },
  {
    pattern: /(^control|input_hint_block|zero_conv|middle_block_out|cond_embedding|controlnet)/,
    explanation: `a part of a ControlNet. ${useBase}`,
  },
  { pattern: /(^|\.)adapter/, explanation: `a part of a T2I adapter. ${useBase}` },
  {
    pattern: /^(label_emb\.weight$|class_embedding\.|add_embedding\.)/,
    explanation: `an embedding of classes or of something else than SDXL's sizes, which a text-to-image model is not told. Use a text-to-image model`,
  },
];

/**
 * Why a UNet with tensors outside its layout is not trained: they say something of the prediction that
 * the layout leaves out.
 *
 * @param config the UNet's layout; undefined if it could not be derived: known kinds are told then
 * @returns a sentence without its subject's name; null if there are none
 */
export function describeForeignTensors(
  tensors: TensorTable,
  config: UnetConfig | undefined,
): string | null {
  const layout = new Set(config ? [...unetShapes(config)].map(([name]) => name) : []);
  const others = [...tensors.keys()]
    .filter((name) => name.startsWith(UNET_PREFIX) && !layout.has(name))
    .map((name) => name.slice(UNET_PREFIX.length));
  for (const { pattern, explanation } of kinds) {
    const [first, ...more] = others.filter((name) => pattern.test(name));
    if (first !== undefined) return `its UNet holds ${quote(first, more)}, ${explanation}.`;
  }
  const [first, ...more] = others;
  if (first === undefined || !config) return null;
  return `its UNet holds ${quote(first, more)}, which is no part of a Stable Diffusion UNet that is known here: what it does to the pictures would not be trained. Use a model without it.`;
}

/** A name from a file may be of any length. */
function quote(first: string, more: readonly string[]): string {
  const name = first.length > 160 ? `${first.slice(0, 160)}…` : first;
  return more.length === 0 ? `"${name}"` : `"${name}" and ${more.length} more tensors`;
}
