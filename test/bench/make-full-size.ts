/**
 * Writes a checkpoint of the size and layout of Stable Diffusion 1.5, 2.1 or XL with random weights
 * (float16, about 2, 2.5 and 6.9 GB): what loading, training and writing cost does not depend on the
 * values. Reduced, the UNet of 1.5 is the smallest that ComfyUI takes for one of Stable Diffusion 1
 * (0.5 GB).
 *
 *   tsx test/bench/make-full-size.ts FILE [--family sd1|sd2|sdxl] [--seed S] [--reduced]
 */
import { type FileHandle, open } from 'node:fs/promises';
import { parseArgs } from 'node:util';

import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

import { clipLargeSettings } from '../../src/families/stable-diffusion/clip-config.ts';
import {
  type ClipTextConfig,
  clipTextShapes,
} from '../../src/families/stable-diffusion/layout/clip-text-layout.ts';
import type { NamedShape } from '../../src/families/stable-diffusion/layout/named-shapes.ts';
import {
  type UnetConfig,
  unetShapes,
} from '../../src/families/stable-diffusion/layout/unet-layout.ts';
import {
  type VaeConfig,
  vaeShapes,
} from '../../src/families/stable-diffusion/layout/vae-layout.ts';
import {
  serializeSafetensorsHeader,
  type TensorInfo,
} from '../../src/checkpoint/safetensors-header.ts';
import { dtypeBytes, encodeFloats } from '../../src/tensor/dtype.ts';
import { elementCount } from '../../src/tensor/shape.ts';

/** CompVis/stable-diffusion, configs/stable-diffusion/v1-inference.yaml. */
const sd1Unet: UnetConfig = {
  inChannels: 4,
  outChannels: 4,
  modelChannels: 320,
  channelMult: [1, 2, 4, 4],
  numResBlocks: [2, 2, 2, 2],
  inputDepths: [0, 1, 1, 0, 1, 1, 0, 1, 1, 0, 0, 0],
  numbering: 'consecutive',
  middleResBlocks: 2,
  middleDepth: 1,
  outputDepths: [0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1],
  heads: { numHeads: 8 },
  contextDim: 768,
  admInChannels: null,
  useLinearProjection: false,
};

/** ComfyUI knows the model by its widths: how deep it is, is free. */
const reducedUnet: UnetConfig = {
  ...sd1Unet,
  channelMult: [1, 1],
  numResBlocks: [1, 1],
  inputDepths: [0, 1, 0, 1],
  outputDepths: [1, 1, 1, 1],
};

/** Stability-AI/stablediffusion, configs/stable-diffusion/v2-inference.yaml. */
const sd2Unet: UnetConfig = {
  ...sd1Unet,
  heads: { numHeadChannels: 64 },
  contextDim: 1024,
  useLinearProjection: true,
};

/** Stability-AI/generative-models, configs/inference/sd_xl_base.yaml. */
const sdxlUnet: UnetConfig = {
  ...sd2Unet,
  channelMult: [1, 2, 4],
  numResBlocks: [2, 2, 2],
  inputDepths: [0, 0, 0, 0, 2, 2, 0, 10, 10],
  middleDepth: 10,
  outputDepths: [10, 10, 10, 2, 2, 2, 0, 0, 0],
  contextDim: 2048,
  admInChannels: 2816,
};

const vae: VaeConfig = {
  ch: 128,
  chMult: [1, 2, 4, 4],
  numResBlocks: 2,
  imageChannels: 3,
  zChannels: 4,
  embedDim: 4,
  attentionLevels: [],
  scaleFactor: 0.18215,
};

const vocabulary = { vocabSize: 49408, maxPositions: 77 };

const clipLarge = (keyPrefix: string): ClipTextConfig => ({
  ...clipLargeSettings,
  ...vocabulary,
  ...{
    layout: 'transformers',
    keyPrefix,
    layers: 12,
    storedLayers: 12,
    intermediateSize: 3072,
    projection: null,
    hasFinalNorm: true,
  },
});

/** open_clip's ViT-H-14 and ViT-bigG-14. */
const openClip = (keyPrefix: string, hiddenSize: number, layers: number): ClipTextConfig => ({
  ...vocabulary,
  ...{
    layout: 'openclip',
    keyPrefix,
    layers,
    storedLayers: layers,
    hasFinalNorm: true,
    hiddenSize,
    intermediateSize: 4 * hiddenSize,
  },
  ...{ heads: hiddenSize / 64, activation: 'gelu', layerNormEps: 1e-5, projection: hiddenSize },
});

const SD1_TEXT = 'cond_stage_model.transformer.text_model.';

const families: Readonly<Record<string, () => Iterable<NamedShape>>> = {
  sd1: () => [
    [`${SD1_TEXT}embeddings.position_ids`, [1, vocabulary.maxPositions]],
    ...clipTextShapes(clipLarge(SD1_TEXT)),
    ...unetShapes(sd1Unet),
  ],
  'sd1-reduced': () => [...clipTextShapes(clipLarge(SD1_TEXT)), ...unetShapes(reducedUnet)],
  sd2: () => [
    ...clipTextShapes(openClip('cond_stage_model.model.', 1024, 24)),
    ...unetShapes(sd2Unet),
  ],
  sdxl: () => [
    ...clipTextShapes(clipLarge('conditioner.embedders.0.transformer.text_model.')),
    ...clipTextShapes(openClip('conditioner.embedders.1.model.', 1280, 32)),
    ...unetShapes(sdxlUnet),
  ],
};

/** Not a power of two, so that the rows of a weight do not repeat. */
const POOL_VALUES = 4_194_301;

/** Elements encoded and written at a time. */
const PIECE_ELEMENTS = 1 << 20;

/** Standard normal values (Box and Muller), from which every tensor takes a stretch. */
function makePool(seed: number): Float32Array {
  const random = xoroshiro128plus(seed);
  const pool = new Float32Array(POOL_VALUES);
  for (let i = 0; i < POOL_VALUES; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - uniformFloat64(random)));
    const angle = 2 * Math.PI * uniformFloat64(random);
    pool[i] = radius * Math.cos(angle);
    if (i + 1 < POOL_VALUES) pool[i + 1] = radius * Math.sin(angle);
  }
  return pool;
}

/**
 * Standard deviation of a weight's values: activations keep their size through every layer, and
 * residual branches add little, as they do in a trained network.
 */
function weightScale(name: string, shape: readonly number[]): number {
  if (name.includes('embedding')) return 0.02;
  const fanIn = elementCount(shape.slice(1));
  const endsBranch =
    /(out_layers\.3|proj_out|to_out\.0|ff\.net\.2|conv2|fc2|c_proj|out_proj)\.weight$/.test(name);
  return (endsBranch ? 0.2 : 1) / Math.sqrt(fanIn);
}

/** Values of a tensor, `PIECE_ELEMENTS` at a time. */
function* tensorValues({ name, shape }: TensorInfo, pool: Float32Array, offset: number) {
  const count = elementCount(shape);
  const isNormWeight = shape.length === 1 && name.endsWith('.weight');
  // Web UIs divide by the mean of what a text encoder gives, which would be 0.
  const isTextBias = /(final_layer_norm|ln_final)\.bias$/.test(name);
  const scale = shape.length === 1 ? 0 : weightScale(name, shape);
  for (let start = 0; start < count; start += PIECE_ELEMENTS) {
    const piece = new Float32Array(Math.min(PIECE_ELEMENTS, count - start));
    if (isNormWeight) piece.fill(1);
    else if (isTextBias) piece.fill(0.1);
    else if (scale > 0) {
      for (let i = 0; i < piece.length; i++) {
        piece[i] = scale * (pool[(offset + start + i) % POOL_VALUES] ?? 0);
      }
    }
    yield piece;
  }
}

/** Tensors one after another in the order of their names, as the safetensors library writes them. */
function layOut(shapes: Iterable<NamedShape>): TensorInfo[] {
  let end = 0;
  return [...shapes]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, shape]) => {
      const dtype = name.endsWith('position_ids') ? 'I64' : 'F16';
      const byteLength = elementCount(shape) * dtypeBytes(dtype);
      const info = { name, dtype, shape, fileOffset: end, byteLength } as const;
      end += byteLength;
      return info;
    });
}

function positionIds(count: number): Uint8Array {
  return new Uint8Array(BigInt64Array.from({ length: count }, (_, i) => BigInt(i)).buffer);
}

async function writeTensors(handle: FileHandle, infos: TensorInfo[], pool: Float32Array) {
  for (const [index, info] of infos.entries()) {
    if (info.dtype === 'I64') {
      await handle.writeFile(positionIds(vocabulary.maxPositions));
      continue;
    }
    // A stride that shares no factor with the pool's size starts every tensor elsewhere.
    const offset = (index * 1_000_003) % POOL_VALUES;
    for (const piece of tensorValues(info, pool, offset)) {
      await handle.writeFile(encodeFloats('F16', piece));
    }
  }
}

async function main(): Promise<void> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      seed: { type: 'string', default: '1' },
      family: { type: 'string', default: 'sd1' },
      reduced: { type: 'boolean', default: false },
    },
  });
  const [filePath] = positionals;
  const shapesOf = families[values.reduced ? `${values.family}-reduced` : values.family];
  if (filePath === undefined || !shapesOf) {
    throw new Error(
      'usage: make-full-size.ts FILE [--family sd1|sd2|sdxl] [--seed S] [--reduced (sd1 only)]',
    );
  }
  const infos = layOut([...shapesOf(), ...vaeShapes(vae)]);
  const handle = await open(filePath, 'wx');
  try {
    await handle.writeFile(serializeSafetensorsHeader(infos, new Map([['format', 'pt']])));
    await writeTensors(handle, infos, makePool(Number(values.seed)));
    const { size } = await handle.stat();
    console.log(`${filePath}: ${infos.length} tensors, ${size} bytes`);
  } finally {
    await handle.close();
  }
}

await main();
