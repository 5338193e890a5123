import { type ClipTextConfig, projectionName } from './layout/clip-text-layout.ts';
import { AppError } from '../../errors.ts';
import type { GraphBuilder } from '../../onnx/graph-builder.ts';
import type { Value } from '../../onnx/graph.ts';
import { dimAt } from '../../onnx/shape.ts';
import { attention } from '../../models/blocks/attention.ts';
import { gelu, quickGelu } from '../../models/blocks/gelu.ts';
import { layerNorm } from '../../models/blocks/layer-norm.ts';
import { affine, linear } from '../../models/blocks/linear.ts';
import { splitChannels } from '../../models/blocks/split-channels.ts';
import { Module } from '../../models/module.ts';
import type { WeightSource } from '../../models/weights.ts';

/** Added to the scores that a token must not see: its softmax is 0, without an infinity's risks. */
const maskedScore = -1e9;

/**
 * A CLIP text encoder (Radford et al. 2021) in the layout of transformers or of open_clip. Padding
 * is not masked, as in Stable Diffusion. Nothing is emitted before it is asked for.
 *
 * @param config with it the rows [n, C] that ids behind the vocabulary stand for, if there are any
 * @param ids int64 [N, T], T at most `maxPositions`
 */
export function buildClipText(
  g: GraphBuilder,
  weights: WeightSource,
  config: ClipTextWords,
  ids: Value,
): ClipText {
  return new ClipText(new Module(g, weights, config.keyPrefix), { weights, config, ids });
}

/** A text encoder and the rows of words that were learnt besides its own. */
interface ClipTextWords extends ClipTextConfig {
  readonly learned?: readonly Float32Array[];
  /** Rows that are an input of the graph, in the place of some tokens'. */
  readonly soft?: SoftRows;
}

/** Embeddings that are not in the vocabulary. */
interface SoftRows {
  /** float32 [N, T, C]; what it holds elsewhere counts nowhere. */
  readonly rows: Value;
  /** 1 where one stands, 0 elsewhere: float32 [N, T, 1] */
  readonly mask: Value;
}

interface ClipTextParts {
  readonly weights: WeightSource;
  readonly config: ClipTextWords;
  readonly ids: Value;
}

class ClipText {
  private readonly module: Module;
  /** By whole names: the projection lies outside of what transformers calls the text model. */
  private readonly weights: WeightSource;
  private readonly config: ClipTextWords;
  private readonly ids: Value;
  private embeddings: Value | undefined;
  /** The state after each layer emitted so far. */
  private readonly states: Value[] = [];

  constructor(module: Module, { weights, config, ids }: ClipTextParts) {
    this.module = module;
    this.weights = weights;
    this.config = config;
    this.ids = ids;
  }

  /**
   * The hidden states without the last `clipSkip - 1` layers, as the hosts count: float32 [N, T, C].
   *
   * @param isNormalized whether the final norm follows (SD 1.x and 2.x) or not (SDXL)
   */
  hidden(clipSkip: number, isNormalized: boolean): Value {
    return this.emit(() => {
      const state = this.stateBefore(clipSkip);
      return isNormalized ? this.normalize(state) : state;
    });
  }

  /**
   * The last hidden state that the file has the layers for, at the first end token, after the final
   * norm and the text projection where the checkpoint has them: float32 [N, C′].
   */
  pooled(endId: number): Value {
    const { g } = this.module;
    const { layers, storedLayers, hasFinalNorm } = this.config;
    const last = this.hidden(layers - storedLayers + 1, hasFinalNorm);
    return this.emit(() => {
      const [batch, channels] = [dimAt(last.shape, 0), dimAt(last.shape, 2)];
      const choice = firstEnd(g, this.ids, endId);
      const chosen = g.matMul(g.reshape(choice, [batch, 1, dimAt(last.shape, 1)]), last);
      const pooled = g.reshape(chosen, [batch, channels]);
      if (this.config.projection === null) return pooled;
      const weight = this.weights.get(projectionName(this.config));
      return this.config.layout === 'openclip'
        ? g.matMul(pooled, weight)
        : affine(this.module, pooled, { weight, bias: [], scale: 1 });
    });
  }

  private emit(build: () => Value): Value {
    return this.module.g.scope('clip', build);
  }

  private normalize(x: Value): Value {
    const { finalNorm } = layerNames[this.config.layout];
    return this.module.within(finalNorm, (norm) => layerNorm(norm, x, this.config.layerNormEps));
  }

  private stateBefore(clipSkip: number): Value {
    const { layers, storedLayers } = this.config;
    const count = layers - clipSkip + 1;
    if (!Number.isInteger(clipSkip) || count > storedLayers || count < 0) {
      throw new AppError(
        'graph.invalid',
        `clip skip ${clipSkip}: the text encoder has ${layers} layers, the file the first ${storedLayers}, so ${layers - storedLayers + 1} to ${layers + 1} fit`,
      );
    }
    this.embeddings ??= this.embed();
    let state = this.embeddings;
    for (let index = 0; index < count; index++) {
      state = this.states[index] ??= this.encode(index, state);
    }
    return state;
  }

  private encode(index: number, x: Value): Value {
    const { layers } = layerNames[this.config.layout];
    return this.module.within(`${layers}.${index}`, (layer) => encoderLayer(layer, x, this.config));
  }

  private embed(): Value {
    const { g } = this.module;
    const { tokens, positions } = layerNames[this.config.layout];
    const length = dimAt(this.ids.shape, 1);
    if (length > this.config.maxPositions) {
      throw new AppError(
        'graph.invalid',
        `a text encoder for ${this.config.maxPositions} tokens got ${length}: split the prompt`,
      );
    }
    const table = this.module.weight(positions);
    const places = length === dimAt(table.shape, 0) ? table : g.slice(table, 0, 0, length);
    const rows = g.op('Gather', [this.vocabulary(this.module.weight(tokens)), this.ids]);
    return g.add(this.softened(rows), places);
  }

  private softened(rows: Value): Value {
    const { g } = this.module;
    const { soft } = this.config;
    return soft ? g.add(rows, g.mul(soft.mask, g.sub(soft.rows, rows))) : rows;
  }

  /** All rows that ids stand for. */
  private vocabulary(own: Value): Value {
    const { g } = this.module;
    const { hiddenSize, keyPrefix, learned = [] } = this.config;
    const rows = learned.map((values, i) =>
      g.carried(`${keyPrefix}learned.${i}`, values, [values.length / hiddenSize, hiddenSize]),
    );
    return rows.length === 0 ? own : g.concat([own, ...rows], 0);
  }
}

interface LayerNames {
  readonly tokens: string;
  readonly positions: string;
  readonly layers: string;
  readonly norm1: string;
  readonly attention: string;
  readonly norm2: string;
  readonly mlpIn: string;
  readonly mlpOut: string;
  readonly finalNorm: string;
}

const layerNames: Readonly<Record<ClipTextConfig['layout'], LayerNames>> = {
  transformers: {
    tokens: 'embeddings.token_embedding.weight',
    positions: 'embeddings.position_embedding.weight',
    layers: 'encoder.layers',
    norm1: 'layer_norm1',
    attention: 'self_attn',
    norm2: 'layer_norm2',
    mlpIn: 'mlp.fc1',
    mlpOut: 'mlp.fc2',
    finalNorm: 'final_layer_norm',
  },
  openclip: {
    tokens: 'token_embedding.weight',
    positions: 'positional_embedding',
    layers: 'transformer.resblocks',
    norm1: 'ln_1',
    attention: 'attn',
    norm2: 'ln_2',
    mlpIn: 'mlp.c_fc',
    mlpOut: 'mlp.c_proj',
    finalNorm: 'ln_final',
  },
};

/** Causal self-attention and a perceptron, each added to x [N, T, C]. */
function encoderLayer(layer: Module, x: Value, config: ClipTextConfig): Value {
  const { g } = layer;
  const { layerNormEps, activation } = config;
  const names = layerNames[config.layout];
  const attended = layer.within(names.attention, (part) => {
    const normalized = layerNorm(layer.child(names.norm1), x, layerNormEps);
    const mask = causalMask(g, dimAt(x.shape, 1));
    const operands = { ...projections(part, normalized, config), heads: config.heads, mask };
    const mixed = attention(g, operands);
    return g.add(
      x,
      part.within('out_proj', (out) => linear(out, mixed)),
    );
  });
  const normalized = layer.within(names.norm2, (norm) => layerNorm(norm, attended, layerNormEps));
  const hidden = layer.within(names.mlpIn, (part) => linear(part, normalized));
  const activated = activation === 'gelu' ? gelu(g, hidden) : quickGelu(g, hidden);
  return g.add(
    attended,
    layer.within(names.mlpOut, (part) => linear(part, activated)),
  );
}

function projections(
  module: Module,
  x: Value,
  { layout, hiddenSize, heads }: ClipTextConfig,
): { queries: Value; keys: Value; values: Value } {
  const { g } = module;
  const scale = (hiddenSize / heads) ** -0.5;
  if (layout === 'transformers') {
    const project = (name: string, factor = 1) =>
      module.within(name, (part) => linear(part, x, factor));
    return {
      queries: project('q_proj', scale),
      keys: project('k_proj'),
      values: project('v_proj'),
    };
  }
  const joined = affine(module, x, {
    weight: module.weight('in_proj_weight'),
    bias: [module.weight('in_proj_bias')],
    scale: 1,
    change: module.change('in_proj_weight'),
  });
  const { queries, keys, values } = splitChannels(g, joined, ['queries', 'keys', 'values']);
  return { queries: g.mul(queries, g.scalar(scale, queries)), keys, values };
}

/** [length, length]: 0 on and below the diagonal, where a token sees another. */
function causalMask(g: GraphBuilder, length: number): Value {
  return triangle(g, length, (row, column) => (column > row ? maskedScore : 0));
}

/**
 * 1 at the first end token of each row, 0 elsewhere, float32 [N, T]. Written as a product with a
 * triangle of ones, which counts the end tokens before each place: ArgMax runs on no GPU.
 */
function firstEnd(g: GraphBuilder, ids: Value, endId: number): Value {
  const numbers = g.cast(ids, 'float32');
  const distance = g.op('Abs', [g.sub(numbers, g.scalar(endId, numbers))]);
  const isEnd = g.op('Max', [g.sub(g.scalar(1, numbers), distance), g.scalar(0, numbers)]);
  const earlier = triangle(g, dimAt(ids.shape, 1), (row, column) => (row < column ? 1 : 0));
  return g.op('Max', [g.sub(isEnd, g.matMul(isEnd, earlier)), g.scalar(0, numbers)]);
}

function triangle(
  g: GraphBuilder,
  length: number,
  element: (row: number, column: number) => number,
): Value {
  const elements = Array.from({ length: length * length }, (_, i) =>
    element(Math.floor(i / length), i % length),
  );
  return g.constant(elements, [length, length], 'float32');
}
