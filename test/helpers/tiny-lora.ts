import { writeTensorFile } from '../../src/checkpoint/tensor-file.ts';

const layer = 'lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_q';
const encoder = 'lora_te_text_model_encoder_layers_0_self_attn_q_proj';

/**
 * A LoRA for tiny-sd that adds 0.5 to every entry of a weight of the UNet and of the text encoder.
 *
 * @param width of both weights, [width, width]: 64, or what does not fit
 */
export async function writeTinyLora(file: string, width = 64): Promise<string> {
  const filled = (value: number) => () => Promise.resolve(new Float32Array(width).fill(value));
  const entries = [layer, encoder].flatMap((name) => [
    { name: `${name}.lora_down.weight`, shape: [1, width], elements: filled(0.5) },
    { name: `${name}.lora_up.weight`, shape: [width, 1], elements: filled(1) },
  ]);
  await writeTensorFile(file, entries, {});
  return file;
}
