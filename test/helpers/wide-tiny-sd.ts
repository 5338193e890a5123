import { writeTensorFile } from '../../src/checkpoint/tensor-file.ts';
import { openSafetensors } from '../../src/checkpoint/safetensors-reader.ts';
import { elementCount, type Shape } from '../../src/tensor/shape.ts';

// tiny-sd as wide as Stable Diffusion 1, for web UIs that know a model by its widths: every channel is there
// several times over, side by side, which leaves each group of a norm its mean and its variance. What reads
// channels divides by their number of copies; what the scale of attention makes of wider heads is undone in
// the queries. Ten layers more of the text encoder add nothing. It draws what tiny-sd draws, within what
// rounding takes.

interface Matrix {
  readonly shape: Shape;
  readonly data: Float32Array;
}
type Tensors = ReadonlyMap<string, Matrix>;

const unetPrefix = 'model.diffusion_model.';
const vaePrefix = 'first_stage_model.';
const textPrefix = 'cond_stage_model.transformer.text_model.';

const unetCopies = 5;
/** Heads that are so many times wider add up as much more, and divide by its root. */
const queryScale = 1 / Math.sqrt(unetCopies);
const textCopies = 12;
const textLayers = { own: 2, all: 12 };
/** tiny-sd's heads of 16 channels; each becomes three of 64. */
const textHead = { channels: 16, heads: 3, copies: 4 };

/** Where copies of a channel go: `row` is the channel, `copy` counts from 0. */
type Place = (channel: number, copy: number) => number;
interface Side {
  readonly copies: number;
  readonly place: Place;
}

const beside = (copies: number): Side => ({
  copies,
  place: (channel, copy) => channel * copies + copy,
});
const same = beside(1);

/** A channel of a head, four times in each of three heads. */
const inHeads: Side = {
  copies: textCopies,
  place: (channel, copy) => {
    const { channels, heads, copies } = textHead;
    const [head, within] = [Math.floor(channel / channels), channel % channels];
    const [inHead, part] = [Math.floor(copy / copies), copy % copies];
    return ((head * heads + inHead) * channels + within) * copies + part;
  },
};

/** Of `[cos, sin]` of 160 frequencies every fifth is one of tiny-sd's 32. */
const frequencies: Side = {
  copies: 1,
  place: (feature) => (feature < 32 ? 5 * feature : 160 + 5 * (feature - 32)),
};

/** A weight or a bias with copies of its rows, and of its columns, which share what they read. */
function widened({ shape, data }: Matrix, rows: Side, columns: Side, scale = 1): Matrix {
  const [height = 1, width, ...rest] = shape;
  const kernel = elementCount(rest);
  const wideRows = height * rows.copies;
  const wideColumns = columns === frequencies ? 320 : (width ?? 1) * columns.copies;
  const wide = new Float32Array(wideRows * wideColumns * kernel);
  const factor = scale / columns.copies;
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < (width ?? 1); column++) {
      const from = (row * (width ?? 1) + column) * kernel;
      const values = data.subarray(from, from + kernel).map((value) => factor * value);
      for (let i = 0; i < rows.copies; i++) {
        for (let j = 0; j < columns.copies; j++) {
          const to = rows.place(row, i) * wideColumns + columns.place(column, j);
          wide.set(values, to * kernel);
        }
      }
    }
  }
  return { shape: width === undefined ? [wideRows] : [wideRows, wideColumns, ...rest], data: wide };
}

/** The copies of a UNet's layer, by its key. */
function unetSides(key: string): { rows: Side; columns: Side; scale: number } {
  const inner = beside(unetCopies);
  const columns = key.startsWith('time_embed.0.')
    ? frequencies
    : key.startsWith('input_blocks.0.0.')
      ? same
      : /attn2\.to_[kv]\./.test(key)
        ? beside(textCopies)
        : inner;
  const isQuery = key.includes('.to_q.');
  return {
    rows: key.startsWith('out.2.') ? same : inner,
    columns,
    scale: isQuery ? queryScale : 1,
  };
}

function unet(own: Tensors): [string, Matrix][] {
  return [...own].flatMap(([name, matrix]): [string, Matrix][] => {
    if (!name.startsWith(unetPrefix)) return [];
    const { rows, columns, scale } = unetSides(name.slice(unetPrefix.length));
    return [[name, widened(matrix, rows, matrix.shape.length === 1 ? same : columns, scale)]];
  });
}

/** Channels of the VAE: 32 in its outer level as 128, in the next as 256, 64 in the inner ones as 512. */
function vaeSides(key: string, shape: Shape): { rows: Side; columns: Side } {
  const level = /\.(?:down|up)\.(\d)\./.exec(key)?.[1];
  const isOuter = level === '0' || /encoder\.conv_in|decoder\.(norm_out|conv_out)/.test(key);
  const inner = beside(isOuter ? 4 : 8);
  if (/^(post_)?quant_conv/.test(key)) return { rows: same, columns: same };
  if (key.includes('encoder.conv_in')) return { rows: inner, columns: same };
  if (key.includes('decoder.conv_in')) return { rows: beside(8), columns: same };
  if (key.includes('conv_out')) return { rows: same, columns: inner };
  // The first block of a level reads what the level before gives.
  const readsOuter = /encoder\.down\.1\.block\.0\.(norm1|conv1|nin)/.test(key);
  const readsInner = /decoder\.up\.0\.block\.0\.(norm1|conv1|nin)/.test(key);
  const columns = readsOuter ? beside(4) : readsInner ? beside(8) : inner;
  return { rows: shape.length === 1 && key.includes('.norm1.') ? columns : inner, columns };
}

/** What was as wide before and after a level that is not now: a shortcut that only copies more or fewer times. */
function shortcut(place: string, rows: Side, columns: Side): [string, Matrix][] {
  const channels = 32;
  const identity = new Float32Array(channels * channels);
  for (let i = 0; i < channels; i++) identity[i * (channels + 1)] = 1;
  const weight = widened({ shape: [channels, channels, 1, 1], data: identity }, rows, columns);
  const bias = { shape: weight.shape.slice(0, 1), data: new Float32Array(weight.shape[0] ?? 0) };
  const name = `${vaePrefix}${place}.nin_shortcut`;
  return [
    [`${name}.weight`, weight],
    [`${name}.bias`, bias],
  ];
}

function vae(own: Tensors): [string, Matrix][] {
  const shortcuts = [
    ...shortcut('encoder.down.1.block.0', beside(8), beside(4)),
    ...shortcut('decoder.up.0.block.0', beside(4), beside(8)),
  ];
  const widenedOnes = [...own].flatMap(([name, matrix]): [string, Matrix][] => {
    if (!name.startsWith(vaePrefix)) return [];
    const key = name.slice(vaePrefix.length);
    const { rows, columns } = vaeSides(key, matrix.shape);
    const scale = key.includes('attn_1.q.') ? 1 / Math.sqrt(8) : 1;
    return [[name, widened(matrix, rows, matrix.shape.length === 1 ? same : columns, scale)]];
  });
  return [...widenedOnes, ...shortcuts];
}

function textEncoder(own: Tensors): [string, Matrix][] {
  const states = beside(textCopies);
  const written: [string, Matrix][] = [];
  for (const [name, matrix] of own) {
    if (!name.startsWith(textPrefix)) continue;
    const isAttention = /\.[qkv]_proj\./.test(name);
    const isEmbedding = name.includes('_embedding.');
    const columns = matrix.shape.length === 1 ? same : states;
    if (isEmbedding) {
      // Read by row: only the columns are channels.
      const [count = 0, width = 0] = matrix.shape;
      const rows = { shape: [count * width], data: matrix.data };
      const { data } = widened(rows, states, same);
      written.push([name, { shape: [count, width * textCopies], data }]);
    } else if (isAttention) {
      const scale = name.includes('.q_proj.') ? 0.5 : 1;
      written.push([name, widened(matrix, inHeads, columns, scale)]);
    } else {
      const readsHeads = name.includes('.out_proj.') && matrix.shape.length > 1;
      written.push([name, widened(matrix, states, readsHeads ? inHeads : columns)]);
    }
  }
  return [...written, ...written.flatMap(emptyLayers)];
}

/** What a tensor of the first layer is in the layers more. */
function emptyLayers([name, { shape, data }]: [string, Matrix]): [string, Matrix][] {
  if (!name.includes('.layers.0.')) return [];
  return Array.from({ length: textLayers.all - textLayers.own }, (_, i): [string, Matrix] => [
    name.replace('.layers.0.', `.layers.${textLayers.own + i}.`),
    { shape, data: new Float32Array(data.length) },
  ]);
}

/** Writes a model of tiny-sd's layout (tiny-sd, or a result of erasing from it) in the wide one. */
export async function writeWideTinySd(source: string, target: string): Promise<void> {
  const file = await openSafetensors(source);
  const own = new Map<string, Matrix>();
  for (const [name, { shape, dtype }] of file.tensors) {
    if (dtype !== 'I64') own.set(name, { shape, data: await file.readFloat32(name) });
  }
  await file.close();
  const tensors = [...unet(own), ...vae(own), ...textEncoder(own)];
  await writeTensorFile(target, tensors.map(entryOf), {});
}

/**
 * Writes LoRA files for layers of tiny-sd's UNet, in kohya's form, as one for the wide model: what all of them
 * add on top of it.
 */
export async function writeWideLora(sources: readonly string[], target: string): Promise<void> {
  const layers = new Map<string, { down: Matrix[]; up: Matrix[] }>();
  for (const source of sources) {
    const file = await openSafetensors(source);
    const read = async (name: string) => ({
      shape: file.tensors.get(name)?.shape ?? [],
      data: await file.readFloat32(name),
    });
    for (const name of file.tensors.keys()) {
      const [layer, isAlpha] = name.split('.alpha');
      if (layer === undefined || isAlpha === undefined) continue;
      const down = await read(`${layer}.lora_down.weight`);
      const [alpha = 1] = (await read(name)).data;
      const both = layers.get(layer) ?? { down: [], up: [] };
      const columns = columnsOfLora(layer);
      const scale = (alpha / (down.shape[0] ?? 1)) * (layer.includes('to_q') ? queryScale : 1);
      const up = await read(`${layer}.lora_up.weight`);
      both.down.push(widened(down, same, columns));
      both.up.push(widened(up, beside(unetCopies), same, scale));
      layers.set(layer, both);
    }
    await file.close();
  }
  const tensors = [...layers].flatMap(([layer, { down, up }]): [string, Matrix][] => {
    const rank = down.reduce((sum, { shape }) => sum + (shape[0] ?? 0), 0);
    const data = Float32Array.from(down.flatMap((part) => [...part.data]));
    const rest = down[0]?.shape.slice(1) ?? [];
    return [
      [`${layer}.lora_down.weight`, { shape: [rank, ...rest], data }],
      [`${layer}.lora_up.weight`, joinColumns(up, rank)],
      [`${layer}.alpha`, { shape: [], data: Float32Array.of(rank) }],
    ];
  });
  await writeTensorFile(target, tensors.map(entryOf), { ss_network_module: 'networks.lora' });
}

/** What a layer reads, by its name in LoRA files. */
function columnsOfLora(layer: string): Side {
  if (/attn2_to_[kv]$/.test(layer)) return beside(textCopies);
  return layer.endsWith('time_embedding_linear_1') ? frequencies : beside(unetCopies);
}

/** Matrices [rows, …] side by side. */
function joinColumns(parts: readonly Matrix[], columns: number): Matrix {
  const [rows = 0, , ...rest] = parts[0]?.shape ?? [];
  const data: number[] = [];
  for (let row = 0; row < rows; row++) {
    for (const { shape, data: values } of parts) {
      const width = shape[1] ?? 1;
      data.push(...values.subarray(row * width, (row + 1) * width));
    }
  }
  return { shape: [rows, columns, ...rest], data: Float32Array.from(data) };
}

function entryOf([name, { shape, data }]: [string, Matrix]) {
  return { name, shape, elements: () => Promise.resolve(data) };
}
