import type { TensorTable } from '../checkpoint/safetensors-header.ts';

/** Files that are something else, or only a part. */
export type OtherFamily =
  | 'lora'
  | 'embedding'
  | 'controlnet'
  | 'adapter'
  | 'motion-module'
  | 'flux'
  | 'sd3'
  | 'diffusers-unet'
  | 'diffusers-vae'
  | 'text-encoder'
  | 'vae'
  | 'unet'
  | 'unknown';

/** What a file is that no family opens. */
export interface OtherFile {
  readonly family: OtherFamily;
  /** What the file is and what to do, as an end of a sentence that began with its name. */
  readonly explanation: string;
}

interface OtherForm extends OtherFile {
  /** One tensor of such a name is enough. */
  readonly pattern: RegExp;
}

const needsWholeCheckpoint =
  'Give the whole checkpoint (UNet, text encoder and VAE in one .safetensors file, or in a diffusers folder)';

/** Tried from top to bottom: the names of a part also occur within a whole. */
const otherForms: readonly OtherForm[] = [
  {
    family: 'lora',
    pattern: /(^lora_|\.lora[_.]|lora_(up|down|A|B)\b|\.hada_w[12]_|\.lokr_w|\.oft_blocks)/,
    explanation: `is a LoRA, which only changes another model. Give the checkpoint; to erase from model and LoRA together, give both, or merge them first`,
  },
  {
    family: 'controlnet',
    pattern: /^(control_model\.|input_hint_block\.|zero_convs\.|controlnet_)/,
    explanation: `is a ControlNet. Give the checkpoint that it is used with`,
  },
  {
    family: 'adapter',
    pattern: /^((image_proj|ip_adapter)\.|(adapter\.)?body\.\d+\.(in_conv|block1|resnets)\b)/,
    explanation: `is an IP-Adapter or a T2I adapter. Give the checkpoint that it is used with`,
  },
  {
    family: 'motion-module',
    pattern: /\.motion_modules\.|temporal_transformer/,
    explanation: `is a video motion module. ${needsWholeCheckpoint}`,
  },
  {
    family: 'flux',
    pattern: /^(model\.diffusion_model\.)?(double_blocks|single_transformer_blocks)\.0\./,
    explanation: `is a Flux model, which has no UNet. Erasing is available for Stable Diffusion 1.x, 2.x and XL`,
  },
  {
    family: 'sd3',
    pattern: /^(model\.diffusion_model\.)?joint_blocks\.0\./,
    explanation: `is a Stable Diffusion 3 model, which has no UNet. Erasing is available for Stable Diffusion 1.x, 2.x and XL`,
  },
  {
    family: 'diffusers-unet',
    pattern: /^(unet\.)?(down_blocks|up_blocks)\.\d+\.(attentions|resnets)\./,
    explanation: `is the UNet of a diffusers model. Give the folder of the whole model, which has a model_index.json`,
  },
  {
    family: 'diffusers-vae',
    pattern: /^(vae\.)?(encoder|decoder)\.(down_blocks|up_blocks|mid_block)\./,
    explanation: `is a VAE (diffusers names). ${needsWholeCheckpoint}`,
  },
  {
    family: 'text-encoder',
    pattern: /^(text_model|encoder\.layers|transformer\.resblocks)\./,
    explanation: `is a text encoder alone. ${needsWholeCheckpoint}`,
  },
  {
    family: 'vae',
    pattern: /^(encoder\.down|decoder\.up|decoder\.conv_in|quant_conv)\b/,
    explanation: `is a VAE alone. ${needsWholeCheckpoint}`,
  },
  {
    family: 'unet',
    pattern: /^(input_blocks|output_blocks|middle_block)\.\d/,
    explanation: `is a UNet alone, without text encoder and VAE. ${needsWholeCheckpoint}`,
  },
  {
    family: 'embedding',
    pattern: /^(emb_params|clip_[lg]|string_to_param.*|<.*>)$/,
    explanation: `is a textual inversion embedding. ${needsWholeCheckpoint}`,
  },
];

/** What a file is that no family opens, by the names of its tensors. */
export function describeOtherFile(tensors: TensorTable): OtherFile {
  const names = [...tensors.keys()];
  const has = (prefix: string) => names.some((name) => name.startsWith(prefix));
  if (has('model.diffusion_model.input_blocks.')) return describeIncomplete(has('control_model.'));
  if (has('first_stage_model.')) {
    return { family: 'vae', explanation: `holds a VAE, but no UNet. ${needsWholeCheckpoint}` };
  }
  const form = otherForms.find(({ pattern }) => names.some((name) => pattern.test(name)));
  if (form) return { family: form.family, explanation: form.explanation };
  return {
    family: 'unknown',
    explanation: `holds no UNet of a Stable Diffusion checkpoint (no tensor "model.diffusion_model.input_blocks.…"). ${needsWholeCheckpoint}`,
  };
}

/** Of a file that has the UNet of a checkpoint, and is none. */
function describeIncomplete(hasControlNet: boolean): OtherFile {
  return hasControlNet
    ? {
        family: 'controlnet',
        explanation: 'is a ControlNet with its base model. Give the base checkpoint alone',
      }
    : { family: 'unet', explanation: `holds a UNet, but no text encoder. ${needsWholeCheckpoint}` };
}
