import type { DenoiserShape } from '../families/family.ts';
import type { Adaptation } from '../adapters/adapter.ts';
import { asItIs, fitFullWeights } from '../adapters/full-weights.ts';
import { guidedRows } from '../diffusion/guidance.ts';
import { type Checkpoint, latentSize } from '../families/checkpoint.ts';
import type { LargeTensor } from '../onnx/graph-cost.ts';
import { type Precision, recomputationFor } from '../pipeline/unet-graph.ts';
import type { Device } from '../runtime/device.ts';
import { keepsStoredWeights } from '../runtime/stored-weights.ts';
import { elementCount } from '../tensor/shape.ts';
import { shapesFor } from './job-shapes.ts';
import type { GivenSizes } from './picture-shapes.ts';
import { costOfShapes } from './shape-costs.ts';
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
  /** Sizes of given pictures; default: none are given. */
  readonly given?: GivenSizes;
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

const noneGiven: GivenSizes = { forget: null, retain: null };

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
  const shapes = shapesFor(settings, extent.given ?? noneGiven, checkpoint.facts);
  const drawnGraph = { adaptation, shape, precision };
  const calls = await costOfShapes(checkpoint, drawnGraph, shapes, training !== null);
  const { gradient, prediction } = calls.drawn;

  const staysStored =
    device !== 'cpu' || (await keepsStoredWeights(calls.drawn.graph, { device, precision }));
  const { trainedBytes, frozenBytes } = weightBytes(checkpoint, changed, {
    staysStored,
    precision,
  });
  const { start, step, parameterCopies } = method.cost(settings, {
    ...calls.trained,
    trainedBytes,
    contextDim: checkpoint.condition.width,
  });

  const row = prediction / shape.batch;
  const drawing = (samplingSteps: number, ofRow = row) =>
    guidedRows(settings.drawCfg) * samplingSteps * ofRow;
  const picture = drawing(settings.drawSteps, calls.trained.prediction / shape.batch);
  const previewed = previewPictures(settings, extent.prompts);
  const judged = judgedPictures(settings, extent.concepts);
  const measuring =
    drawing(settings.drawSteps) * measuringDrawings(checkpoint, settings, extent.prompts);
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

  const factor = ARENA_FACTOR[recomputationFor(checkpoint, [shape])];
  const unetBytes = frozenBytes + factor * calls.resultBytes;
  // Without training the UNet is there only while pictures are compared, the text encoders before it.
  const workBytes = training
    ? unetBytes + parameterCopies * trainedBytes
    : Math.max(
        Float32Array.BYTES_PER_ELEMENT * checkpoint.condition.weightCount,
        settings.evaluationPictures > 0 ? unetBytes + trainedBytes : 0,
      );
  const memoryBytes = PROGRAM_BYTES + workBytes + (device === 'cpu' ? calls.nodeBytes : 0);
  return {
    ...{ step, rest, measuring, picture, gradient, prediction },
    ...{ memoryBytes, largestTensor: calls.largestTensor },
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
