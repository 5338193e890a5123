import type { Checkpoint } from '../families/checkpoint.ts';
import { gradients } from '../autodiff/backward.ts';
import { latentScale } from '../families/stable-diffusion/image-size.ts';
import { timestepEmbedding } from '../diffusion/timestep-embedding.ts';
import { AppError } from '../errors.ts';
import { buildUnet } from '../families/stable-diffusion/unet.ts';
import type { WeightSource } from '../models/weights.ts';
import { GraphBuilder } from '../onnx/graph-builder.ts';
import { castAtUse } from '../onnx/cast-at-use.ts';
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
import { joinRows } from '../tensor/rows.ts';
import { addedConditions } from '../families/stable-diffusion/added-condition.ts';
import type { EncodedPrompt } from '../families/encoded-prompt.ts';
import { checkpointWeights, weightsFolder } from '../families/checkpoint-weights.ts';

/** The sizes that a compiled UNet is fixed to. */
export interface UnetShape {
  /** Rows of one call. */
  readonly batch: number;
  readonly latentHeight: number;
  readonly latentWidth: number;
  /** Text tokens of a context: a multiple of 77. */
  readonly contextTokens: number;
}

/** Rows that the UNet is asked about: see `DenoisingBatch`. */
export interface UnetRows {
  readonly noisyLatents: Float32Array;
  readonly timesteps: readonly number[];
  readonly prompts: readonly EncodedPrompt[];
}

export interface UnetSessionSettings {
  readonly shape: UnetShape;
  /** Names of the tensors that training changes; they are fed at every call. */
  readonly trained: readonly string[];
  readonly device: Device;
  readonly threads: number;
  readonly profilePrefix?: string;
}

/**
 * A compiled UNet with two modes over one copy of the weights: prediction, and prediction with the
 * gradient of the mean squared error for the trained tensors. Both are branches of one `If`; two
 * sessions would hold the frozen weights twice.
 */
export class UnetSession {
  readonly shape: UnetShape;
  readonly latentShape: Shape;
  private readonly session: GraphSession;
  private readonly trained: readonly string[];
  private readonly contextShape: Shape;
  private readonly modelChannels: number;
  /** Of the added condition, where the UNet takes one: its width, and the pictures' size in pixels. */
  private readonly added: {
    readonly channels: number;
    readonly size: { readonly height: number; readonly width: number };
  } | null;
  private readonly unusedTarget: Tensor;

  private constructor(
    session: GraphSession,
    settings: UnetSessionSettings,
    shapes: Shapes,
    checkpoint: Checkpoint,
  ) {
    this.session = session;
    this.shape = settings.shape;
    this.trained = settings.trained;
    this.latentShape = shapes.latentShape;
    this.contextShape = shapes.contextShape;
    const { modelChannels, admInChannels } = checkpoint.architecture.unet;
    this.modelChannels = modelChannels;
    this.added =
      admInChannels === null
        ? null
        : { channels: admInChannels, size: pictureSize(checkpoint, settings.shape) };
    this.unusedTarget = this.target(new Float32Array(elementCount(this.latentShape)));
  }

  static async create(checkpoint: Checkpoint, settings: UnetSessionSettings): Promise<UnetSession> {
    const { unet } = checkpoint.architecture;
    const { batch, latentHeight, latentWidth, contextTokens } = settings.shape;
    const latentShape = [batch, unet.inChannels, latentHeight, latentWidth];
    const contextShape = [batch, contextTokens, unet.contextDim];
    const shapes = { latentShape, contextShape };
    const graph = buildUnetGraph(checkpoint, settings);
    const keepsStored = await keepsStoredWeights(graph, settings.device);
    if (keepsStored) castAtUse(graph);
    const session = await GraphSession.create(graph, {
      device: settings.device,
      threads: settings.threads,
      weightsFolder: weightsFolder(checkpoint),
      sharesWeights: true,
      keepsStoredWeights: keepsStored,
      ...(settings.profilePrefix && { profilePrefix: settings.profilePrefix }),
      ...(settings.device === 'webgpu' && {
        residentOutputs: ['prediction', ...settings.trained.map(gradientName)],
      }),
    });
    return new UnetSession(session, settings, shapes, checkpoint);
  }

  /** ε_θ (or v_θ) at the rows: float32 [N, C, h, w]; release it after use. */
  async predict(parameters: TensorSet, rows: UnetRows): Promise<Tensor> {
    const feeds = this.feeds(parameters, rows, { isTraining: false, target: this.unusedTarget });
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
    const feeds = this.feeds(parameters, rows, { isTraining: true, target });
    const results = await this.session.run(feeds, inPlace);
    releaseTensor(results.prediction);
    for (const name of this.trained) {
      into.put(name, required(results[gradientName(name)], name));
    }
    return scalarData(required(results.loss, 'loss'));
  }

  target(values: Float32Array): Tensor {
    return floatTensor(values, this.latentShape);
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
    { isTraining, target }: { isTraining: boolean; target: Tensor },
  ): Feeds {
    const { added, modelChannels } = this;
    const { batch } = this.shape;
    const embedded = timestepEmbedding(rows.timesteps, modelChannels);
    const context = joinRows(rows.prompts.map((prompt) => prompt.context));
    const feeds: Record<string, Tensor> = {
      ...(this.trained.length > 0 && { training: boolTensor(isTraining) }),
      sample: floatTensor(rows.noisyLatents, this.latentShape),
      timestepEmbedding: floatTensor(embedded, [batch, modelChannels]),
      context: floatTensor(context, this.contextShape),
      ...(added && {
        y: floatTensor(addedConditions(rows.prompts, added), [batch, added.channels]),
      }),
      target,
    };
    for (const name of this.trained) feeds[name] = parameters.get(name);
    return feeds;
  }
}

function pictureSize(checkpoint: Checkpoint, { latentHeight, latentWidth }: UnetShape) {
  const scale = latentScale(checkpoint);
  return { height: latentHeight * scale, width: latentWidth * scale };
}

function gradientName(parameter: string): string {
  return `gradient:${parameter}`;
}

interface Shapes {
  readonly latentShape: Shape;
  readonly contextShape: Shape;
}

/** Below this the backward pass keeps everything: there is no memory worth saving with work. */
const maxKeptBytes = 256 * 2 ** 20;

/** Whether the backward pass computes results of the forward pass again instead of keeping them. */
export function recomputesResults(
  { architecture }: Checkpoint,
  { batch, latentHeight, latentWidth }: UnetShape,
): boolean {
  // Roughly what the forward pass makes: about 300 tensors as large as the first feature map.
  const cells = batch * architecture.unet.modelChannels * latentHeight * latentWidth;
  return 300 * 4 * cells > maxKeptBytes;
}

/**
 * Inputs: `sample`, `timestepEmbedding`, `context`, with SDXL the added condition `y`, `target`, the
 * trained tensors and, if there are any, `training` (bool); outputs: `prediction`, `loss` and `gradient:NAME`, the last empty outside
 * training.
 */
export function buildUnetGraph(
  checkpoint: Checkpoint,
  { trained, shape }: Pick<UnetSessionSettings, 'trained' | 'shape'>,
): Graph {
  const { unet } = checkpoint.architecture;
  const latentShape = [shape.batch, unet.inChannels, shape.latentHeight, shape.latentWidth];
  const contextShape = [shape.batch, shape.contextTokens, unet.contextDim];
  const g = new GraphBuilder('unet', { recomputes: recomputesResults(checkpoint, shape) });
  const inputs = {
    sample: g.input('sample', 'float32', latentShape),
    timestepEmbedding: g.input('timestepEmbedding', 'float32', [shape.batch, unet.modelChannels]),
    context: g.input('context', 'float32', contextShape),
    ...(unet.admInChannels !== null && {
      y: g.input('y', 'float32', [shape.batch, unet.admInChannels]),
    }),
  };
  const target = g.input('target', 'float32', latentShape);
  const weights = checkpointWeights(g, checkpoint, trained);
  const build = (branch: GraphBuilder) => {
    const prediction = buildUnet(branch, weights, unet, inputs);
    const error = branch.sub(prediction, target);
    const axes = latentShape.map((_, axis) => axis);
    const loss = branch.reduceMean(branch.mul(error, error), axes, false);
    return { branch, prediction, loss };
  };
  if (trained.length === 0) {
    const { prediction, loss } = build(g);
    g.output('prediction', prediction);
    g.output('loss', loss);
    return g.graph;
  }
  const training = g.input('training', 'bool', []);
  const results = g.choose(training, {
    then: trainBranch(build(g.subgraph('train')), parameterValues(weights, trained)),
    else: predictBranch(build(g.subgraph('predict')), parameterValues(weights, trained)),
  });
  const names = ['prediction', 'loss', ...trained.map(gradientName)];
  results.forEach((value, i) => {
    g.output(names[i] ?? value.name, value);
  });
  return g.graph;
}

interface Branch {
  readonly branch: GraphBuilder;
  readonly prediction: Value;
  readonly loss: Value;
}

function trainBranch({ branch, prediction, loss }: Branch, parameters: readonly Value[]): Graph {
  branch.output('train/prediction', prediction);
  branch.output('train/loss', loss);
  gradients(branch, loss, parameters).forEach((gradient, i) => {
    branch.output(`train/gradient:${parameters[i]?.name ?? i}`, gradient);
  });
  return branch.graph;
}

/** Both branches must have as many outputs of the same types and ranks: gradients are empty here. */
function predictBranch({ branch, prediction, loss }: Branch, parameters: readonly Value[]): Graph {
  branch.output('predict/prediction', prediction);
  branch.output('predict/loss', loss);
  for (const { name, shape, type } of parameters) {
    const empty = shape.map(() => 0);
    branch.output(`predict/gradient:${name}`, branch.constant([], empty, type));
  }
  return branch.graph;
}

function parameterValues(weights: WeightSource, trained: readonly string[]): Value[] {
  return trained.map((name) => weights.get(name));
}

function required(tensor: Tensor | undefined, name: string): Tensor {
  if (!tensor) throw new AppError('internal.unexpected', `the UNet graph gave no ${name}`);
  return tensor;
}
