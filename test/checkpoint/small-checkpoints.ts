import { clipTextShapes } from '../../src/families/stable-diffusion/layout/clip-text-layout.ts';
import {
  type UnetConfig,
  unetShapes,
} from '../../src/families/stable-diffusion/layout/unet-layout.ts';
import {
  type VaeConfig,
  vaeShapes,
} from '../../src/families/stable-diffusion/layout/vae-layout.ts';

/** A UNet of real structure whose widths keep the file small. */
export const unet: UnetConfig = {
  inChannels: 4,
  outChannels: 4,
  modelChannels: 64,
  channelMult: [1, 2],
  numResBlocks: [1, 1],
  inputDepths: [0, 1, 0, 0],
  numbering: 'consecutive',
  middleResBlocks: 2,
  middleDepth: 1,
  outputDepths: [0, 0, 1, 1],
  heads: { numHeads: 8 },
  contextDim: 128,
  admInChannels: null,
  useLinearProjection: false,
};

export const vae: VaeConfig = {
  ch: 32,
  chMult: [1, 2],
  numResBlocks: 1,
  imageChannels: 3,
  zChannels: 4,
  embedDim: 4,
  attentionLevels: [],
  scaleFactor: 0.18215,
};

/** Of the encoders whose width tells their layers. */
const layersByWidth: Readonly<Partial<Record<number, number>>> = { 768: 12, 1024: 24, 1280: 32 };

export function textShapes(
  layout: 'transformers' | 'openclip',
  keyPrefix: string,
  hiddenSize = 128,
) {
  const layers = layersByWidth[hiddenSize] ?? 2;
  const size = { hiddenSize, intermediateSize: 16, layers, storedLayers: layers };
  const settings = { heads: 2, activation: 'gelu', layerNormEps: 1e-5 } as const;
  const positions = { vocabSize: 49408, maxPositions: 77, hasFinalNorm: true };
  const projection = layout === 'openclip' ? hiddenSize : null;
  return clipTextShapes({ layout, keyPrefix, ...size, ...settings, ...positions, projection });
}

const sd1Text = () => textShapes('transformers', 'cond_stage_model.transformer.text_model.', 768);
const sd2Text = () => textShapes('openclip', 'cond_stage_model.model.');

export function* sd1Shapes(changes: Partial<UnetConfig> = {}) {
  yield* unetShapes({ ...unet, ...changes });
  yield* sd1Text();
  yield* vaeShapes(vae);
}

export function* sd2Shapes() {
  yield* unetShapes({ ...unet, useLinearProjection: true });
  yield* sd2Text();
  yield* vaeShapes(vae);
}

/** @param admInChannels of SDXL: the whole prompt, and six numbers in 256 channels each */
export function* sdxlShapes(admInChannels = 1280 + 6 * 256) {
  yield* unetShapes({ ...unet, useLinearProjection: true, admInChannels });
  yield* textShapes('transformers', 'conditioner.embedders.0.transformer.text_model.', 768);
  yield* textShapes('openclip', 'conditioner.embedders.1.model.', 1280);
  yield* vaeShapes(vae);
}

export function* refinerShapes() {
  yield* unetShapes({ ...unet, useLinearProjection: true, admInChannels: 1280 + 5 * 256 });
  yield* textShapes('openclip', 'conditioner.embedders.0.model.', 1280);
  yield* vaeShapes(vae);
}
