/** What a tensor of a LoRA file is to its layer. */
export type LoraPart = 'down' | 'up' | 'alpha';

/** A tensor's name in a LoRA file, taken apart. */
export interface LoraKey {
  /** The layer in kohya's spelling without `lora_` and `text_model_`: `unet_…`, `te_…`, `te1_…`, `te2_…`. */
  readonly layer: string;
  readonly part: LoraPart;
}

/**
 * How programs end the names of a layer's tensors: kohya's trainers, peft (with the adapter's name between)
 * and diffusers of several years.
 */
const endings: readonly (readonly [RegExp, LoraPart])[] = [
  [/\.lora_down\.weight$/, 'down'],
  [/\.lora_up\.weight$/, 'up'],
  [/\.lora_A(?:\.[\w-]+)?\.weight$/, 'down'],
  [/\.lora_B(?:\.[\w-]+)?\.weight$/, 'up'],
  [/(?:\.lora|_lora|\.lora_linear_layer)\.down\.weight$/, 'down'],
  [/(?:\.lora|_lora|\.lora_linear_layer)\.up\.weight$/, 'up'],
  [/\.alpha$/, 'alpha'],
];

/** What the tensors of other forms of change are called, each with the form's name. */
const otherForms: readonly (readonly [RegExp, string])[] = [
  [/\.hada_[wt]\d/, 'LoHa'],
  [/\.lokr_[wt]\d/, 'LoKr'],
  [/\.dora_scale$|\.lora_magnitude_vector/, 'DoRA'],
  [/\.lora_mid\.weight$/, 'LoCon with a Tucker decomposition'],
  [/\.oft_|\.oft_blocks$/, 'OFT'],
  [/\.on_input$/, '(IA)³'],
  [/\.diff(?:_b)?$|\.[wb]_norm$/, 'whole differences'],
];

/** The name of another form of change that a tensor is of; null for what is none that is known. */
export function otherFormOf(name: string): string | null {
  return otherForms.find(([pattern]) => pattern.test(name))?.[1] ?? null;
}

/** A tensor's name taken apart; null for one that is no part of a low-rank change. */
export function parseLoraKey(name: string): LoraKey | null {
  for (const [ending, part] of endings) {
    if (ending.test(name)) return { layer: layerOf(name.replace(ending, '')), part };
  }
  return null;
}

/** How programs begin the names of layers, and kohya's beginning of the same. */
const beginnings: readonly (readonly [RegExp, string])[] = [
  [/^lora_(?=unet_|te\d?_)/, ''],
  [/^(?:unet|diffusion_model|model\.diffusion_model)\./, 'unet_'],
  [/^text_encoder_2\./, 'te2_'],
  [/^text_encoder\./, 'te_'],
  [
    /^(?=down_blocks\.|up_blocks\.|mid_block\.|input_blocks\.|output_blocks\.|middle_block\.)/,
    'unet_',
  ],
];

function layerOf(name: string): string {
  // peft wraps a model twice; diffusers once kept a layer's change in its attention's processor.
  const bare = name
    .replace(/^base_model\.model\./, '')
    .replace(/\.processor\.(to_\w+)$/, '.$1')
    .replace(/\.to_out$/, '.to_out.0');
  const [beginning, ours] = beginnings.find(([pattern]) => pattern.test(bare)) ?? [/^/, ''];
  const layer = bare.replace(beginning, ours).replaceAll('.', '_');
  // In transformers before version 5 all of a text encoder is in there.
  return layer.replace(/^(te\d?_)text_model_/, '$1');
}
