import type { Adaptation } from '../adapters/adapter.ts';
import type { Checkpoint } from '../families/checkpoint.ts';
import { gradients } from '../autodiff/backward.ts';
import { AppError } from '../errors.ts';
import { elementAt } from '../element-at.ts';
import type {
  DenoiserGraph,
  DenoiserRows,
  DenoiserShape,
  DenoiserShapes,
  LatentSize,
} from '../families/family.ts';
import { inputOf, shapeOfSize } from '../families/latent-sizes.ts';
import { GraphBuilder, type Recomputation } from '../onnx/graph-builder.ts';
import { castAtUse } from '../onnx/cast-at-use.ts';
import { computeInFloat16 } from '../onnx/compute-float16.ts';
import type { Graph, Value } from '../onnx/graph.ts';
import { elementCount, type Shape } from '../tensor/shape.ts';
import { GraphSession, type Device, type Feeds } from '../runtime/session.ts';
import { keepsStoredWeights } from '../runtime/stored-weights.ts';
import {
  boolTensor,
  floatTensor,
  releaseTensor,
  scalarData,
  type Tensor,
} from '../runtime/tensor.ts';
import type { TensorSet } from '../runtime/tensor-set.ts';
import { weightsFolder } from '../families/checkpoint-weights.ts';

export interface UnetSessionSettings {
  readonly shape: DenoiserShape;
  /** Other sizes of latents that it is asked about: each makes the graph larger, and shares the weights. */
  readonly otherSizes?: readonly LatentSize[];
  /** What training changes: its parameters are fed at every call. */
  readonly adaptation: Adaptation;
  readonly device: Device;
  readonly threads: number;
  /** What it computes in. Default: float32. */
  readonly precision?: Precision;
  readonly profilePrefix?: string;
}

/** float16 is that of `computeInFloat16`: sums, losses and gradients of parameters are float32 all the same. */
export type Precision = 'float32' | 'float16';

/** What a UNet is asked, and with how much of the change. */
export interface UnetRows extends DenoiserRows {
  /** How many times the change counts, where the adaptation lets it be chosen. Default: once. */
  readonly strength?: number;
}

/**
 * A compiled UNet with two modes over one copy of the weights: prediction, and prediction with the
 * gradient of the mean squared error for the trained tensors. Both are branches of one `If`, for each
 * size of latents; several sessions would hold the frozen weights as often.
 */
export class UnetSession {
  /** With the latents that it is asked about unless rows say another size. */
  readonly shape: DenoiserShape;
  readonly latentShape: Shape;
  private readonly shapes: DenoiserShapes;
  private readonly session: GraphSession;
  private readonly trained: readonly string[];
  private readonly strength: string | null;
  /** Whether the loss is scaled for the backward pass. */
  private readonly isScaled: boolean;
  private readonly lossScales: readonly number[];
  private readonly denoiser: DenoiserGraph;
  private readonly latentShapes: readonly Shape[];
  /** Of each shape, where none is asked for. */
  private readonly unusedTargets: readonly Tensor[];

  private constructor(
    session: GraphSession,
    settings: UnetSessionSettings,
    { checkpoint, denoiser }: { checkpoint: Checkpoint; denoiser: DenoiserGraph },
  ) {
    this.session = session;
    this.shape = settings.shape;
    this.shapes = shapesOf(settings);
    this.trained = settings.adaptation.parameters.map(({ name }) => name);
    this.strength = settings.adaptation.strength;
    this.latentShape = checkpoint.denoiser.latentShape(settings.shape);
    this.isScaled = settings.precision === 'float16' && this.trained.length > 0;
    this.lossScales = this.isScaled ? lossScales(this.latentShape) : [1];
    this.latentShapes = this.shapes.map((shape) => checkpoint.denoiser.latentShape(shape));
    this.denoiser = denoiser;
    this.unusedTargets = this.latentShapes.map((shape) =>
      floatTensor(new Float32Array(elementCount(shape)), shape),
    );
  }

  static async create(checkpoint: Checkpoint, settings: UnetSessionSettings): Promise<UnetSession> {
    const denoiser = await checkpoint.denoiser.load();
    const graph = await buildUnetGraph(checkpoint, settings);
    const keepsStored = await keepsStoredWeights(graph, settings);
    if (keepsStored) castAtUse(graph);
    const session = await GraphSession.create(graph, {
      device: settings.device,
      threads: settings.threads,
      weightsFolder: settings.adaptation.base?.folder ?? weightsFolder(checkpoint),
      sharesWeights: true,
      keepsStoredWeights: keepsStored,
      ...(settings.profilePrefix && { profilePrefix: settings.profilePrefix }),
      ...(settings.device === 'webgpu' && {
        residentOutputs: [
          'prediction',
          ...settings.adaptation.parameters.map(({ name }) => gradientName(name)),
        ],
      }),
    });
    return new UnetSession(session, settings, { checkpoint, denoiser });
  }

  /** ε_θ (or v_θ) at the rows: float32 [N, C, h, w]; release it after use. */
  async predict(parameters: TensorSet, rows: UnetRows): Promise<Tensor> {
    const feeds = this.feeds(parameters, rows, { isTraining: false });
    const { prediction } = await this.session.run(feeds);
    return required(prediction, 'prediction');
  }

  /** Mean squared error of the prediction to `target`. */
  async loss(parameters: TensorSet, rows: UnetRows, target: Tensor): Promise<number> {
    const feeds = this.feeds(parameters, rows, { isTraining: false, target });
    const { prediction, loss } = await this.session.run(feeds);
    releaseTensor(prediction);
    return scalarData(required(loss, 'loss'));
  }

  /** The same, and its gradient for each trained tensor in `into`. */
  async gradient(
    parameters: TensorSet,
    rows: UnetRows,
    { target, into }: { target: Tensor; into: TensorSet },
  ): Promise<number> {
    const inPlace: Record<string, Tensor> = {};
    for (const name of this.trained) {
      const tensor = into.find(name);
      if (tensor?.location === 'cpu') inPlace[gradientName(name)] = tensor;
    }
    let loss = Number.NaN;
    for (const lossScale of this.lossScales) {
      const feeds = this.feeds(parameters, rows, { isTraining: true, target, lossScale });
      const results = await this.session.run(feeds, inPlace);
      releaseTensor(results.prediction);
      for (const name of this.trained) {
        into.put(name, required(results[gradientName(name)], name));
      }
      loss = scalarData(required(results.loss, 'loss'));
      const { square } = results;
      if (!square || Number.isFinite(scalarData(square)) || !Number.isFinite(loss)) break;
    }
    return loss;
  }

  target(values: Float32Array, { size }: Pick<UnetRows, 'size'> = {}): Tensor {
    return floatTensor(values, this.latentShapeOf(size));
  }

  /** [N, C, h, w] for latents of a size; of the usual one unless said. */
  latentShapeOf(size?: LatentSize): Shape {
    return elementAt(this.latentShapes, shapeOfSize(this.shapes, size));
  }

  async release(): Promise<void> {
    await this.session.release();
  }

  /** Ends profiling and writes the trace. */
  endProfiling(): void {
    this.session.endProfiling();
  }

  private feeds(
    parameters: TensorSet,
    rows: UnetRows,
    {
      isTraining,
      target,
      lossScale = 1,
    }: { isTraining: boolean; target?: Tensor; lossScale?: number | undefined },
  ): Feeds {
    const asked = shapeOfSize(this.shapes, rows.size);
    const feeds: Record<string, Tensor> = {
      ...(this.trained.length > 0 && { training: boolTensor(isTraining) }),
      ...this.denoiser.feeds(rows, this.shapes),
      ...(this.strength !== null && {
        [this.strength]: floatTensor(Float32Array.of(rows.strength ?? 1), [1]),
      }),
      ...(this.isScaled && { lossScale: floatTensor(Float32Array.of(lossScale), [1]) }),
    };
    for (const [i, unused] of this.unusedTargets.entries()) {
      feeds[inputOf('target', i)] = (i === asked ? target : undefined) ?? unused;
      if (i > 0) feeds[inputOf('asked', i)] = boolTensor(i === asked);
    }
    for (const name of this.trained) feeds[name] = parameters.get(name);
    return feeds;
  }
}

/**
 * What the loss is multiplied by in float16, so that its gradients are neither lost nor too large: what makes
 * the mean a sum; where they are too large all the same, less. Powers of two, which round nothing, and the
 * same at every call: what a resumed run computes is what it would have computed.
 */
function lossScales(latentShape: Shape): readonly number[] {
  const first = Math.floor(Math.log2(elementCount(latentShape)));
  return [0, 4, 8, 12].map((lower) => 2 ** Math.max(0, first - lower));
}

function gradientName(parameter: string): string {
  return `gradient:${parameter}`;
}

/** Below this the backward pass keeps everything: there is no memory worth saving with work. */
const maxKeptBytes = 256 * 2 ** 20;
/** Above this it keeps but the inputs of blocks: a third more work for a quarter of the memory. */
const maxKeptPartsBytes = 2 ** 31;

/** What the backward pass computes again instead of keeping it. */
export function recomputationFor(
  { denoiser }: Checkpoint,
  shapes: readonly DenoiserShape[],
): Recomputation {
  const cells = shapes.map(
    ({ batch, latentHeight, latentWidth }) => batch * latentHeight * latentWidth,
  );
  // Roughly what the forward pass makes: about 300 tensors as large as the first feature map.
  const bytes = 300 * 4 * denoiser.width * Math.max(...cells);
  if (bytes <= maxKeptBytes) return 'nothing';
  return bytes <= maxKeptPartsBytes ? 'parts' : 'blocks';
}

/**
 * Inputs: those of the denoiser, `target`, the parameters of what is trained, the strength of the change
 * if it has one and, if anything is trained, `training` (bool); outputs: `prediction`, `loss` and
 * `gradient:NAME`, the last empty outside training. For each other size there are `target:1` and
 * `asked:1` (bool), whether it is the one, and so on.
 */
export async function buildUnetGraph(
  checkpoint: Checkpoint,
  settings: Pick<UnetSessionSettings, 'adaptation' | 'shape' | 'otherSizes' | 'precision'>,
): Promise<Graph> {
  const { denoiser } = checkpoint;
  const { adaptation, precision = 'float32' } = settings;
  const shapes = shapesOf(settings);
  const g = new GraphBuilder('unet', { recomputes: recomputationFor(checkpoint, shapes) });
  const predict = (await denoiser.load()).declare(g, shapes);
  const targets = shapes.map((shape, i) =>
    g.rows(inputOf('target', i), 'float32', denoiser.latentShape(shape)),
  );
  const asked = shapes.map((_, i) => (i === 0 ? null : g.input(inputOf('asked', i), 'bool', [])));
  const trained = adaptation.parameters.map(({ name }) => name);
  const { weights, parameter } = adaptation.bind(g);
  const training = trained.length > 0 ? g.input('training', 'bool', []) : null;
  const parameters = trained.map(parameter);
  const isScaled = precision === 'float16' && training !== null;
  const lossScale = isScaled ? g.input('lossScale', 'float32', [1]) : null;

  const build = (branch: GraphBuilder, shape: number): Branch => {
    const prediction = predict(branch, weights, shape);
    const target = elementAt(targets, shape);
    const error = branch.sub(prediction, target);
    const loss = branch.reduceMean(branch.mul(error, error), axesOf(error), false);
    return { branch, prediction, loss };
  };
  /** Prediction, loss and gradients for one shape. */
  const resultsFor = (branch: GraphBuilder, shape: number): readonly Value[] => {
    if (training === null) {
      const { prediction, loss } = build(branch, shape);
      return [prediction, loss];
    }
    return branch.choose(training, {
      then: trainBranch(build(branch.subgraph('train'), shape), parameters, lossScale),
      else: predictBranch(build(branch.subgraph('predict'), shape), parameters, lossScale),
    });
  };
  /** The same for whichever of the shapes up to this one is asked. */
  const resultsUpTo = (branch: GraphBuilder, shape: number): readonly Value[] => {
    const isAsked = asked[shape];
    if (!isAsked) return resultsFor(branch, shape);
    const [own, others] = [branch.subgraph('asked'), branch.subgraph('others')];
    return branch.choose(isAsked, {
      then: withOutputs(own, resultsFor(own, shape)),
      else: withOutputs(others, resultsUpTo(others, shape - 1)),
    });
  };
  const names = ['prediction', 'loss', ...trained.map(gradientName), 'square'];
  resultsUpTo(g, shapes.length - 1).forEach((value, i) => {
    g.output(names[i] ?? value.name, value, { isOpen: shapes.length > 1 });
  });
  if (precision === 'float16') computeInFloat16(g.graph);
  return g.graph;
}

/** A branch of branches. */
function withOutputs(branch: GraphBuilder, values: readonly Value[]): Graph {
  for (const value of values) branch.output(value.name, value, { isOpen: true });
  return branch.graph;
}

function shapesOf({
  shape,
  otherSizes = [],
}: Pick<UnetSessionSettings, 'shape' | 'otherSizes'>): DenoiserShapes {
  return [shape, ...otherSizes.map((size) => ({ ...shape, ...size }))];
}

interface Branch {
  readonly branch: GraphBuilder;
  readonly prediction: Value;
  readonly loss: Value;
}

function trainBranch(
  { branch, prediction, loss }: Branch,
  parameters: readonly Value[],
  lossScale: Value | null,
): Graph {
  branch.output('train/prediction', prediction);
  branch.output('train/loss', loss);
  if (!lossScale) {
    gradients(branch, loss, parameters).forEach((gradient, i) => {
      branch.output(gradientOutput(parameters[i], i), gradient);
    });
    return branch.graph;
  }
  const scaled = branch.mul(loss, branch.reshape(lossScale, []));
  const found = gradients(branch, scaled, parameters);
  // As they are made, which is from the last layer to the first: the runtime would go back for each as far
  // as it needs, and keep what the others are made of.
  const places = new Map(branch.graph.nodes.map((node, place) => [node, place]));
  const placeOf = ({ producer }: Value) => (producer && places.get(producer)) ?? 0;
  const own = new Map(
    found
      .toSorted((a, b) => placeOf(a) - placeOf(b))
      .map((gradient) => [gradient, branch.op('Div', [gradient, lossScale])]),
  );
  found.forEach((gradient, i) => {
    branch.output(gradientOutput(parameters[i], i), own.get(gradient) ?? gradient);
  });
  branch.output('train/square', sumOfSquares(branch, found));
  return branch.graph;
}

const gradientOutput = (parameter: Value | undefined, i: number) =>
  `train/gradient:${parameter?.name ?? i}`;

/** Neither infinite nor NaN where no value is. */
function sumOfSquares(branch: GraphBuilder, values: readonly Value[]): Value {
  const squares = values.map((value) =>
    branch.reduceMean(branch.mul(value, value), axesOf(value), false),
  );
  return squares.reduce((sum, square) => branch.add(sum, square));
}

/** Both branches must have as many outputs of the same types and ranks: gradients are empty here. */
function predictBranch(
  { branch, prediction, loss }: Branch,
  parameters: readonly Value[],
  lossScale: Value | null,
): Graph {
  branch.output('predict/prediction', prediction);
  branch.output('predict/loss', loss);
  for (const { name, shape, type } of parameters) {
    const empty = shape.map(() => 0);
    branch.output(`predict/gradient:${name}`, branch.constant([], empty, type));
  }
  if (lossScale) branch.output('predict/square', branch.scalar(0, loss));
  return branch.graph;
}

const axesOf = ({ shape }: Value) => shape.map((_, axis) => axis);

function required(tensor: Tensor | undefined, name: string): Tensor {
  if (!tensor) throw new AppError('internal.unexpected', `the UNet graph gave no ${name}`);
  return tensor;
}
