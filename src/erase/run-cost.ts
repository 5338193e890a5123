import type { DenoiserShape } from '../families/family.ts';
import type { Adaptation } from '../adapters/adapter.ts';
import { asItIs, fitFullWeights } from '../adapters/full-weights.ts';
import { guidedRows } from '../diffusion/guidance.ts';
import { type Checkpoint, latentSize } from '../families/checkpoint.ts';
import type { Graph } from '../onnx/graph.ts';
import { branchesOf, graphCost, type LargeTensor, largestTensor } from '../onnx/graph-cost.ts';
import {
  buildUnetGraph,
  type Precision,
  recomputationFor,
  type UnetGraphSettings,
} from '../pipeline/unet-graph.ts';
import type { Device } from '../runtime/device.ts';
import { keepsStoredWeights } from '../runtime/stored-weights.ts';
import { elementCount } from '../tensor/shape.ts';
import { elementAt } from '../element-at.ts';
import { type PictureShape, sharesOf } from './picture-shapes.ts';
import { measuringDrawings } from './compared-pictures.ts';
import { type EraseSettings, methodOf, trainingOf, trainSetOf } from '../methods/registry.ts';
import { previewPictures } from '../training/previews.ts';
import type { PromptCounts } from './spread.ts';
import { judgedPictures } from '../training/forgetting-check.ts';
import { healthCheckPredictions } from '../training/health-check.ts';
import { adaptationFor } from '../methods/adaptation.ts';
import { likelyPrecision } from '../methods/choose-precision.ts';

/** What of a run its settings do not say. */
export interface RunExtent {
  /** Prompts to forget and to retain. */
  readonly prompts: PromptCounts;
  /** Pictures that the model draws for its own sets. */
  readonly drawnPictures: number;
  /** How many concepts are forgotten, where that is several. */
  readonly concepts?: number;
  /** Shapes that it trains in; none for that of what is drawn. */
  readonly shapes: readonly PictureShape[];
}

/**
 * The work of a run and its memory. Work is counted in multiplications with an addition, and what
 * takes as long as so many of them.
 */
export interface RunCost {
  readonly step: number;
  /** All but the steps. */
  readonly rest: number;
  /** Of that what is drawn and judged at the end. */
  readonly measuring: number;
  /** One picture that the model draws for its own sets. */
  readonly picture: number;
  /** Of one call of each kind, at the run's batch. */
  readonly gradient: number;
  readonly prediction: number;
  /** The most memory of the training process, on the device that it trains on. */
  readonly memoryBytes: number;
  /** What takes the largest buffer of a device. */
  readonly largestTensor: LargeTensor;
}

/** The program with its runtime, before any model. */
const PROGRAM_BYTES = 0.17e9;
/**
 * What the runtime's arena takes for each byte of results that is needed at one time. Where the
 * backward pass computes results again, large tensors come and go, and the arena has gaps. Fitted to
 * measured peaks on the CPU (`npm run bench`): SD 1.5 at 512 pixels 4.70 GB with cross-attention trained
 * and 4.00 GB with a low-rank change of it; tiny-sd 0.42 to 0.87 GB. SDXL at 1024 pixels takes 8.88 GB with a
 * low-rank change, an eighth more than is counted; why is not known.
 */
const ARENA_FACTOR = { nothing: 1.1, parts: 1.5, blocks: 1.5 } as const;
/**
 * Bringing each weight from memory takes as long as so many multiplications; most of the time with
 * small pictures. Measured with SD 1.5 on two CPU cores at 64 and 256 pixels, cross-attention
 * trained: a convolution alone 53, gradients 11 and 41, predictions 18 and 56 billion a second.
 */
const WEIGHT_WORK = { gradient: 60, prediction: 10 } as const;
/**
 * What the runtime takes for each node of a graph that it has compiled, in the memory of the machine: a further
 * size of latents takes 70 MB with tiny-sd, 115 MB with SD 1.5 at 512 pixels (7,100 nodes).
 */
const NODE_BYTES = 12e3;

/**
 * Counts what a run costs by the graph that it will run: nothing is computed, in about a second.
 *
 * @param settings complete, of a size that fits the model
 */
export async function costOfRun(
  checkpoint: Checkpoint,
  settings: EraseSettings,
  { device, ...extent }: RunExtent & { readonly device: Device },
): Promise<RunCost> {
  const training = trainingOf(settings);
  const method = methodOf(settings);
  const shape = unetShape(checkpoint, settings);
  const changed = training
    ? adaptationFor(checkpoint, training, '')
    : fitFullWeights(checkpoint, checkpoint.groups.namesOf(trainSetOf(settings)));
  const adaptation = training ? changed : asItIs(checkpoint);
  const precision = training ? likelyPrecision(training.computePrecision, device) : 'float32';
  const callsOf = (of: DenoiserShape) =>
    costOfCalls(checkpoint, { adaptation, shape: of, precision }, training !== null);
  const drawn = await callsOf(shape);
  const { graph, gradient, prediction } = drawn;
  const trained: CallCosts[] = [];
  for (const size of extent.shapes) {
    trained.push(await callsOf({ ...shape, ...latentSize(checkpoint, size) }));
  }
  const shares = sharesOf(extent.shapes);
  const meanOf = (call: 'gradient' | 'prediction') =>
    trained.length === 0
      ? drawn[call]
      : trained.reduce((sum, calls, i) => sum + elementAt(shares, i) * calls[call], 0);

  const staysStored = device !== 'cpu' || (await keepsStoredWeights(graph, { device, precision }));
  const { trainedBytes, frozenBytes } = weightBytes(checkpoint, changed, {
    staysStored,
    precision,
  });
  const { start, step, parameterCopies } = method.cost(settings, {
    gradient: meanOf('gradient'),
    prediction: meanOf('prediction'),
    trainedBytes,
    contextDim: checkpoint.condition.width,
  });

  const row = prediction / shape.batch;
  const drawing = (samplingSteps: number) => guidedRows(settings.drawCfg) * samplingSteps * row;
  const picture = drawing(settings.drawSteps);
  const previewed = previewPictures(settings, extent.prompts);
  const judged = judgedPictures(settings, extent.concepts);
  const measuring = picture * measuringDrawings(checkpoint, settings, extent.prompts);
  // Each forgotten one with its anchor, and the empty one.
  const encodedPrompts = 2 * extent.prompts.forget + extent.prompts.retain + 1;
  const rest =
    start +
    encodedPrompts * checkpoint.condition.tokens * checkpoint.condition.tokenMultiplyAdds +
    // A session of one row is called twice for a picture, one of more rows once for several.
    extent.drawnPictures * picture +
    (training && method.pictures.includes('retain') ? healthCheckPredictions(training.steps) : 0) *
      prediction +
    previewed.pictures * drawing(previewed.samplingSteps) +
    judged.pictures * (drawing(judged.samplingSteps) + judged.judgedRows * row) +
    measuring;

  const results = Math.max(...[drawn, ...trained].map(({ peakBytes }) => peakBytes));
  const factor = ARENA_FACTOR[recomputationFor(checkpoint, [shape])];
  const unetBytes = frozenBytes + factor * results;
  // Without training the UNet is there only while pictures are compared, the text encoders before it.
  const workBytes = training
    ? unetBytes + parameterCopies * trainedBytes
    : Math.max(
        Float32Array.BYTES_PER_ELEMENT * checkpoint.condition.weightCount,
        settings.evaluationPictures > 0 ? unetBytes + trainedBytes : 0,
      );
  const compiled = trained.length === 0 ? [drawn] : trained;
  const nodeBytes = compiled.reduce((sum, calls) => sum + calls.nodeBytes, 0);
  const memoryBytes = PROGRAM_BYTES + workBytes + (device === 'cpu' ? nodeBytes : 0);
  const largest = [drawn, ...trained]
    .map((calls) => calls.largestTensor)
    .reduce((a, b) => (b.bytes > a.bytes ? b : a));
  return {
    ...{ step, rest, measuring, picture, gradient, prediction },
    ...{ memoryBytes, largestTensor: largest },
  };
}

/** What calls of a UNet cost, as `RunCost` counts it, and what its graph takes. */
interface CallCosts {
  readonly graph: Graph;
  readonly gradient: number;
  readonly prediction: number;
  /** Of results that are needed at one time. */
  readonly peakBytes: number;
  /** Of its nodes. */
  readonly nodeBytes: number;
  readonly largestTensor: LargeTensor;
}

async function costOfCalls(
  checkpoint: Checkpoint,
  settings: UnetGraphSettings,
  isTrained: boolean,
): Promise<CallCosts> {
  const weights = unetWeights(checkpoint);
  const graph = await buildUnetGraph(checkpoint, settings);
  const [first, second = first] = branchesOf(graph);
  const [train, predict] = [graphCost(first), graphCost(second)];
  return {
    graph,
    gradient: isTrained ? train.multiplyAdds + WEIGHT_WORK.gradient * weights : 0,
    prediction: predict.multiplyAdds + WEIGHT_WORK.prediction * weights,
    peakBytes: Math.max(train.peakBytes, predict.peakBytes),
    nodeBytes: NODE_BYTES * (first.nodes.length + second.nodes.length),
    largestTensor: largestTensor(graph),
  };
}

/**
 * The sizes that a run's UNet is compiled for, with prompts of usual length; without training, of one
 * picture that is compared, which takes two rows.
 */
export function unetShape(checkpoint: Checkpoint, settings: EraseSettings): DenoiserShape {
  const batch = trainingOf(settings)?.batch ?? 2;
  return { batch, ...latentSize(checkpoint, settings), contextTokens: checkpoint.condition.tokens };
}

function unetWeights({ file, denoiser }: Checkpoint): number {
  let weights = 0;
  for (const [name, { shape }] of file.tensors) {
    if (name.startsWith(denoiser.prefix)) weights += elementCount(shape);
  }
  return weights;
}

/** Bytes in memory of the UNet's weights: of those that are trained, in float32, and of the others. */
function weightBytes(
  { file, denoiser }: Checkpoint,
  { parameters, base }: Adaptation,
  { staysStored, precision }: { readonly staysStored: boolean; readonly precision: Precision },
): { readonly trainedBytes: number; readonly frozenBytes: number } {
  const trained = new Set(parameters.map(({ name }) => name));
  const trainedBytes = parameters.reduce((sum, { shape }) => sum + 4 * elementCount(shape), 0);
  if (base) return { trainedBytes, frozenBytes: base.bytes };
  let frozenBytes = 0;
  for (const [name, { shape, dtype, byteLength }] of file.tensors) {
    if (!name.startsWith(denoiser.prefix) || trained.has(name)) continue;
    const computedBytes = (precision === 'float16' ? 2 : 4) * elementCount(shape);
    frozenBytes += staysStored && dtype === 'F16' ? byteLength : computedBytes;
  }
  return { trainedBytes, frozenBytes };
}
