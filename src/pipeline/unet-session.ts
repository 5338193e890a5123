import type { Adaptation } from '../adapters/adapter.ts';
import type { Checkpoint } from '../families/checkpoint.ts';
import { gradients } from '../autodiff/backward.ts';
import { AppError } from '../errors.ts';
import type { DenoiserGraph, DenoiserRows, DenoiserShape } from '../families/family.ts';
import { GraphBuilder, type Recomputation } from '../onnx/graph-builder.ts';
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
import { weightsFolder } from '../families/checkpoint-weights.ts';

export interface UnetSessionSettings {
  readonly shape: DenoiserShape;
  /** What training changes: its parameters are fed at every call. */
  readonly adaptation: Adaptation;
  readonly device: Device;
  readonly threads: number;
  readonly profilePrefix?: string;
}

/** What a UNet is asked, and with how much of the change. */
export interface UnetRows extends DenoiserRows {
  /** How many times the change counts, where the adaptation lets it be chosen. Default: once. */
  readonly strength?: number;
}

/**
 * A compiled UNet with two modes over one copy of the weights: prediction, and prediction with the
 * gradient of the mean squared error for the trained tensors. Both are branches of one `If`; two
 * sessions would hold the frozen weights twice.
 */
export class UnetSession {
  readonly shape: DenoiserShape;
  readonly latentShape: Shape;
  private readonly session: GraphSession;
  private readonly trained: readonly string[];
  private readonly strength: string | null;
  private readonly denoiser: DenoiserGraph;
  private readonly unusedTarget: Tensor;

  private constructor(
    session: GraphSession,
    settings: UnetSessionSettings,
    { checkpoint, denoiser }: { checkpoint: Checkpoint; denoiser: DenoiserGraph },
  ) {
    this.session = session;
    this.shape = settings.shape;
    this.trained = settings.adaptation.parameters.map(({ name }) => name);
    this.strength = settings.adaptation.strength;
    this.latentShape = checkpoint.denoiser.latentShape(settings.shape);
    this.denoiser = denoiser;
    this.unusedTarget = this.target(new Float32Array(elementCount(this.latentShape)));
  }

  static async create(checkpoint: Checkpoint, settings: UnetSessionSettings): Promise<UnetSession> {
    const denoiser = await checkpoint.denoiser.load();
    const graph = await buildUnetGraph(checkpoint, settings);
    const keepsStored = await keepsStoredWeights(graph, settings.device);
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
    const feeds: Record<string, Tensor> = {
      ...(this.trained.length > 0 && { training: boolTensor(isTraining) }),
      ...this.denoiser.feeds(rows, this.shape),
      ...(this.strength !== null && {
        [this.strength]: floatTensor(Float32Array.of(rows.strength ?? 1), [1]),
      }),
      target,
    };
    for (const name of this.trained) feeds[name] = parameters.get(name);
    return feeds;
  }
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
  { batch, latentHeight, latentWidth }: DenoiserShape,
): Recomputation {
  // Roughly what the forward pass makes: about 300 tensors as large as the first feature map.
  const bytes = 300 * 4 * batch * denoiser.width * latentHeight * latentWidth;
  if (bytes <= maxKeptBytes) return 'nothing';
  return bytes <= maxKeptPartsBytes ? 'parts' : 'blocks';
}

/**
 * Inputs: those of the denoiser, `target`, the parameters of what is trained, the strength of the change
 * if it has one and, if anything is trained, `training` (bool); outputs: `prediction`, `loss` and
 * `gradient:NAME`, the last empty outside training.
 */
export async function buildUnetGraph(
  checkpoint: Checkpoint,
  { adaptation, shape }: Pick<UnetSessionSettings, 'adaptation' | 'shape'>,
): Promise<Graph> {
  const { denoiser } = checkpoint;
  const latentShape = denoiser.latentShape(shape);
  const g = new GraphBuilder('unet', { recomputes: recomputationFor(checkpoint, shape) });
  const predict = (await denoiser.load()).declare(g, shape);
  const target = g.rows('target', 'float32', latentShape);
  const trained = adaptation.parameters.map(({ name }) => name);
  const { weights, parameter } = adaptation.bind(g);
  const build = (branch: GraphBuilder) => {
    const prediction = predict(branch, weights);
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
  const parameters = trained.map(parameter);
  const results = g.choose(training, {
    then: trainBranch(build(g.subgraph('train')), parameters),
    else: predictBranch(build(g.subgraph('predict')), parameters),
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

function required(tensor: Tensor | undefined, name: string): Tensor {
  if (!tensor) throw new AppError('internal.unexpected', `the UNet graph gave no ${name}`);
  return tensor;
}
