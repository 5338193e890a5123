import type { Checkpoint } from '../families/checkpoint.ts';
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
import { castAtUse } from '../onnx/cast-at-use.ts';
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
import {
  buildUnetGraph,
  differentiated,
  gradientName,
  shapesOf,
  type UnetGraphSettings,
} from './unet-graph.ts';

export interface UnetSessionSettings extends UnetGraphSettings {
  readonly device: Device;
  readonly threads: number;
  readonly profilePrefix?: string;
}

/** What a UNet is asked, and with how much of the change. */
export interface UnetRows extends DenoiserRows {
  /** How many times the change counts, where the adaptation lets it be chosen. Default: once. */
  readonly strength?: number;
}

/** Channels of a small model's first feature map; SD 1.5 has 320. */
const SMALL_WIDTH = 128;

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
  /** Of what prompts say, whose gradient is called so in a set. */
  readonly contextInput: string;
  /** What is fed at every call besides what the rows are. */
  private readonly parameters: readonly string[];
  /** What there are gradients to. */
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
    this.parameters = settings.adaptation.parameters.map(({ name }) => name);
    this.trained = differentiated(settings, denoiser.contextInput);
    this.contextInput = denoiser.contextInput;
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
      isBrief: settings.device === 'cpu' && checkpoint.denoiser.width <= SMALL_WIDTH,
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
    for (const name of this.parameters) feeds[name] = parameters.get(name);
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

function required(tensor: Tensor | undefined, name: string): Tensor {
  if (!tensor) throw new AppError('internal.unexpected', `the UNet graph gave no ${name}`);
  return tensor;
}
