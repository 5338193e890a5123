import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { openSafetensors } from '../../src/checkpoint/safetensors-reader.ts';
import { writeTensorFile } from '../../src/checkpoint/tensor-file.ts';
import { EOS_ID } from '../../src/tokenizer/clip-vocabulary.ts';
import { createGenerator } from '../../src/tensor/random.ts';
import { joinRows } from '../../src/tensor/rows.ts';
import { elementCount, type Shape } from '../../src/tensor/shape.ts';

// tiny-sd as a model of another family, so that what it draws and forgets can be compared. What the
// families' text encoders do otherwise is undone by weights that are made for it:
//
// SDXL's encoder is 4 · 64 wide and holds tiny-sd's states four times over, which leaves every norm
// what it was. One layer more adds the states as tiny-sd's last norm makes them to the second copy
// alone (quick GELU and GELU have g(z) − g(−z) = z); the UNet takes the difference of second and
// first. SDXL's second encoder and its added condition are there, and weigh nothing.
//
// SD 2.x's encoder has heads of 64 channels, of which tiny-sd's fill 16 each. Its GELU is not quite
// tiny-sd's quick GELU, so that it draws nearly the same.

const tinySd = path.resolve(import.meta.dirname, '../../presets/tiny-sd');
const width = 64;
const copies = 4;
const wide = copies * width;
const tinyHeads = 4;
const layers = 2;
const textPrefix = 'cond_stage_model.transformer.text_model.';
const unetPrefix = 'model.diffusion_model.';

interface Matrix {
  readonly shape: Shape;
  readonly data: Float32Array;
}
type Tensors = Map<string, Matrix>;
type Entry = readonly [row: number, column: number, value: number];

const zeros = (...shape: number[]): Matrix => ({
  shape,
  data: new Float32Array(elementCount(shape)),
});
const ones = (length: number): Matrix => ({
  shape: [length],
  data: new Float32Array(length).fill(1),
});

/** A matrix with these elements, 0 elsewhere. */
function matrix(rows: number, columns: number, entries: Iterable<Entry>): Matrix {
  const result = zeros(rows, columns);
  for (const [row, column, value] of entries) result.data[row * columns + column] = value;
  return result;
}

function* entriesOf({ shape, data }: Matrix): Generator<Entry> {
  const columns = shape[1] ?? 1;
  for (const [i, value] of data.entries()) yield [Math.floor(i / columns), i % columns, value];
}

const everyCopy = Array.from({ length: copies }, (_, copy) => copy);

/** The same for each copy of the states. */
function repeated({ data }: Matrix): Matrix {
  const result = zeros(wide);
  for (const copy of everyCopy) result.data.set(data, copy * width);
  return result;
}

/** Reads the first copy of the states. */
const reading = (weight: Matrix, rows: number, place = (row: number) => row, scale = 1) =>
  matrix(
    rows,
    wide,
    [...entriesOf(weight)].map(([row, column, value]): Entry => [
      place(row),
      column,
      value * scale,
    ]),
  );

/** Adds the same to every copy of the states. */
const writing = (weight: Matrix, columns: number, place = (column: number) => column) =>
  matrix(
    wide,
    columns,
    everyCopy.flatMap((copy) =>
      [...entriesOf(weight)].map(([row, column, value]): Entry => [
        copy * width + row,
        place(column),
        value,
      ]),
    ),
  );

function placed({ data }: Matrix, length: number, place = (i: number) => i, scale = 1): Matrix {
  const result = zeros(length);
  data.forEach((value, i) => {
    result.data[place(i)] = value * scale;
  });
  return result;
}

/** tiny-sd's tensors in the layout of a family, with the files that must lie beside it. */
export async function writeTinyFamily(folder: string, family: 'sd2' | 'sdxl'): Promise<string> {
  const file = await openSafetensors(path.join(tinySd, 'tiny-sd.safetensors'));
  const own: Tensors = new Map();
  for (const [name, { shape, dtype }] of file.tensors) {
    if (dtype !== 'I64') own.set(name, { shape, data: await file.readFloat32(name) });
  }
  await file.close();
  const tensors: Tensors = new Map([
    ...[...own].filter(([name]) => name.startsWith('first_stage_model.')),
    ...unet(own, family),
    ...(family === 'sdxl' ? [...firstEncoder(own), ...secondEncoder()] : openClip(own)),
  ]);
  const target = path.join(folder, `tiny-${family}.safetensors`);
  await writeTensorFile(
    target,
    [...tensors].map(([name, { shape, data }]) => ({
      ...{ name, shape },
      elements: () => Promise.resolve(data),
    })),
    {},
  );
  const config = readFileSync(path.join(tinySd, 'tiny-sd.yaml'), 'utf8');
  const contextDim = family === 'sdxl' ? wide + width : wide;
  writeFileSync(
    path.join(folder, `tiny-${family}.yaml`),
    config.replace('context_dim: 64', `context_dim: ${contextDim}`),
  );
  mkdirSync(path.join(folder, 'tiny-clip'));
  writeFileSync(
    path.join(folder, 'tiny-clip/config.json'),
    JSON.stringify({
      hidden_size: wide,
      num_attention_heads: copies * tinyHeads,
      num_hidden_layers: family === 'sdxl' ? layers + 2 : layers + 1,
    }),
  );
  return target;
}

function unet(own: Tensors, family: 'sd2' | 'sdxl'): Tensors {
  const tensors: Tensors = new Map();
  for (const [name, weight] of own) {
    if (!name.startsWith(unetPrefix)) continue;
    if (/proj_(in|out)\.weight$/.test(name)) {
      tensors.set(name, { ...weight, shape: weight.shape.slice(0, 2) });
    } else if (/attn2\.to_[kv]\.weight$/.test(name)) {
      tensors.set(name, family === 'sdxl' ? difference(weight) : reading(weight, width));
    } else tensors.set(name, weight);
  }
  if (family === 'sdxl') {
    const embedding = 4 * width;
    const labels = `${unetPrefix}label_emb.0.`;
    tensors.set(`${labels}0.weight`, random(1, embedding, width + 6 * 16));
    tensors.set(`${labels}0.bias`, zeros(embedding));
    tensors.set(`${labels}2.weight`, zeros(embedding, embedding));
    tensors.set(`${labels}2.bias`, zeros(embedding));
  }
  return tensors;
}

/** Reads the second copy minus the first, and nothing of the second encoder. */
function difference(weight: Matrix): Matrix {
  const both = [...entriesOf(weight)].flatMap(([row, column, value]): Entry[] => [
    [row, column, -value],
    [row, width + column, value],
  ]);
  return matrix(width, wide + width, both);
}

function random(seed: number, ...shape: number[]): Matrix {
  return {
    shape,
    data: createGenerator(seed)
      .randn(elementCount(shape))
      .map((x) => 0.1 * x),
  };
}

/** A layer of a text encoder by transformers' names. */
type Layer = ReadonlyMap<string, Matrix>;

/** How the channels of tiny-sd's heads lie among wider ones, and what queries are multiplied with. */
interface Heads {
  readonly place: (channel: number) => number;
  readonly queryScale: number;
}

/** What tiny-sd's layer does, on every copy of the states. */
function widenedLayer(own: Tensors, index: number, { place, queryScale }: Heads): Layer {
  const get = (name: string) => own.get(`${textPrefix}encoder.layers.${index}.${name}`)!;
  const layer = new Map<string, Matrix>();
  for (const name of ['q_proj', 'k_proj', 'v_proj']) {
    const scale = name === 'q_proj' ? queryScale : 1;
    const [weight, bias] = [`self_attn.${name}.weight`, `self_attn.${name}.bias`];
    layer.set(weight, reading(get(weight), wide, place, scale));
    layer.set(bias, placed(get(bias), wide, place, scale));
  }
  layer.set('self_attn.out_proj.weight', writing(get('self_attn.out_proj.weight'), wide, place));
  layer.set('mlp.fc1.weight', reading(get('mlp.fc1.weight'), 4 * width));
  layer.set('mlp.fc1.bias', get('mlp.fc1.bias'));
  layer.set('mlp.fc2.weight', writing(get('mlp.fc2.weight'), 4 * width));
  const states = ['self_attn.out_proj.bias', 'mlp.fc2.bias'];
  const norms = [1, 2].flatMap((i) => [`layer_norm${i}.weight`, `layer_norm${i}.bias`]);
  for (const name of [...states, ...norms]) layer.set(name, repeated(get(name)));
  return layer;
}

/** A layer that leaves the states as they are. */
function idleLayer(): Map<string, Matrix> {
  const layer = new Map<string, Matrix>();
  for (const name of ['q_proj', 'k_proj', 'v_proj', 'out_proj']) {
    layer.set(`self_attn.${name}.weight`, zeros(wide, wide));
    layer.set(`self_attn.${name}.bias`, zeros(wide));
  }
  for (const name of ['layer_norm1', 'layer_norm2']) {
    layer.set(`${name}.weight`, ones(wide));
    layer.set(`${name}.bias`, zeros(wide));
  }
  layer.set('mlp.fc1.weight', zeros(4 * width, wide));
  layer.set('mlp.fc1.bias', zeros(4 * width));
  layer.set('mlp.fc2.weight', zeros(wide, 4 * width));
  layer.set('mlp.fc2.bias', zeros(wide));
  return layer;
}

/** A layer that adds tiny-sd's last norm of the states to their second copy. */
function normLayer(own: Tensors): Layer {
  const layer = idleLayer();
  for (const kind of ['weight', 'bias']) {
    layer.set(`layer_norm2.${kind}`, repeated(own.get(`${textPrefix}final_layer_norm.${kind}`)!));
  }
  const channels = Array.from({ length: width }, (_, i) => i);
  const split = channels.flatMap((i): Entry[] => [
    [i, i, 1],
    [width + i, i, -1],
  ]);
  const join = channels.flatMap((i): Entry[] => [
    [width + i, i, 1],
    [width + i, width + i, -1],
  ]);
  layer.set('mlp.fc1.weight', matrix(4 * width, wide, split));
  layer.set('mlp.fc2.weight', matrix(wide, 4 * width, join));
  return layer;
}

function firstEncoder(own: Tensors): Tensors {
  const prefix = 'conditioner.embedders.0.transformer.text_model.';
  const tensors: Tensors = new Map(embeddings(own, `${prefix}embeddings.`, '.weight'));
  const heads = { place: (channel: number) => channel, queryScale: 1 };
  const all = [
    ...Array.from({ length: layers }, (_, i) => widenedLayer(own, i, heads)),
    normLayer(own),
    // The family leaves the last one out.
    idleLayer(),
  ];
  for (const [i, layer] of all.entries()) {
    for (const [name, weight] of layer) tensors.set(`${prefix}encoder.layers.${i}.${name}`, weight);
  }
  tensors.set(`${prefix}final_layer_norm.weight`, ones(wide));
  tensors.set(`${prefix}final_layer_norm.bias`, zeros(wide));
  return tensors;
}

function* embeddings(own: Tensors, prefix: string, suffix: string): Generator<[string, Matrix]> {
  const names = { token: 'token_embedding.weight', position: `position_embedding${suffix}` };
  const given = { token: 'token_embedding', position: 'position_embedding' };
  for (const kind of ['token', 'position'] as const) {
    const { shape, data } = own.get(`${textPrefix}embeddings.${given[kind]}.weight`)!;
    const table = zeros(shape[0] ?? 0, wide);
    for (let row = 0; row < (shape[0] ?? 0); row++) {
      const state = data.subarray(row * width, (row + 1) * width);
      for (const copy of everyCopy) table.data.set(state, row * wide + copy * width);
    }
    yield [prefix + names[kind], table];
  }
}

/** A text encoder of open_clip with two layers and random weights. */
function secondEncoder(): Tensors {
  const prefix = 'conditioner.embedders.1.model.';
  const tensors: Tensors = new Map([
    [`${prefix}token_embedding.weight`, random(2, 49408, width)],
    [`${prefix}positional_embedding`, random(3, 77, width)],
    [`${prefix}text_projection`, random(4, width, width)],
    [`${prefix}ln_final.weight`, ones(width)],
    [`${prefix}ln_final.bias`, zeros(width)],
  ]);
  for (let i = 0; i < 2; i++) {
    const at = (name: string) => `${prefix}transformer.resblocks.${i}.${name}`;
    for (const norm of ['ln_1', 'ln_2']) {
      tensors.set(at(`${norm}.weight`), ones(width));
      tensors.set(at(`${norm}.bias`), zeros(width));
    }
    const shapes: readonly (readonly [string, number, number])[] = [
      ['attn.in_proj_', 3 * width, width],
      ['attn.out_proj.', width, width],
      ['mlp.c_fc.', 4 * width, width],
      ['mlp.c_proj.', width, 4 * width],
    ];
    for (const [j, [name, rows, columns]] of shapes.entries()) {
      tensors.set(at(`${name}weight`), random(10 + 10 * i + j, rows, columns));
      tensors.set(at(`${name}bias`), zeros(rows));
    }
  }
  return tensors;
}

/** SD 2.x's text encoder: tiny-sd's layers and one more, which the family leaves out. */
function openClip(own: Tensors): Tensors {
  const prefix = 'cond_stage_model.model.';
  const tensors: Tensors = new Map(
    [...embeddings(own, prefix, '')].map(([name, table]) => [
      name.replace('position_embedding', 'positional_embedding'),
      table,
    ]),
  );
  // What follows a prompt is "!" here, and the end token there.
  const table = tensors.get(`${prefix}token_embedding.weight`)!;
  table.data.copyWithin(0, EOS_ID * wide, (EOS_ID + 1) * wide);
  const headSize = width / tinyHeads;
  const heads = {
    place: (channel: number) => Math.floor(channel / headSize) * width + (channel % headSize),
    // Scores are divided by the square root of a head's channels.
    queryScale: Math.sqrt(width / headSize),
  };
  const all = [
    ...Array.from({ length: layers }, (_, i) => widenedLayer(own, i, heads)),
    idleLayer(),
  ];
  for (const [i, layer] of all.entries()) {
    for (const [name, weight] of openClipLayer(layer)) {
      tensors.set(`${prefix}transformer.resblocks.${i}.${name}`, weight);
    }
  }
  for (const kind of ['weight', 'bias']) {
    const norm = own.get(`${textPrefix}final_layer_norm.${kind}`)!;
    tensors.set(`${prefix}ln_final.${kind}`, repeated(norm));
  }
  return tensors;
}

/** The layer by open_clip's names, queries, keys and values in one tensor. */
function* openClipLayer(layer: Layer): Generator<[string, Matrix]> {
  for (const kind of ['weight', 'bias']) {
    const parts = ['q_proj', 'k_proj', 'v_proj'].map((name) =>
      layer.get(`self_attn.${name}.${kind}`)!,
    );
    const shape = [3 * wide, ...parts[0]!.shape.slice(1)];
    yield [`attn.in_proj_${kind}`, { shape, data: joinRows(parts.map(({ data }) => data)) }];
  }
  for (const [name, weight] of layer) {
    if (/self_attn\.[qkv]_proj/.test(name)) continue;
    const renamed = name
      .replace('layer_norm', 'ln_')
      .replace('self_attn', 'attn')
      .replace('fc1', 'c_fc')
      .replace('fc2', 'c_proj');
    yield [renamed, weight];
  }
}
