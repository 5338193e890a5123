import { elementAt } from '../element-at.ts';
import { type Checkpoint, latentSize } from '../families/checkpoint.ts';
import { isSameSize } from '../families/latent-sizes.ts';
import type { Graph } from '../onnx/graph.ts';
import { branchesOf, graphCost, type LargeTensor, largestTensor } from '../onnx/graph-cost.ts';
import { buildUnetGraph, type UnetGraphSettings } from '../pipeline/unet-graph.ts';
import { elementCount } from '../tensor/shape.ts';
import { type PictureShape, sharesOf } from './picture-shapes.ts';

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

/** What calls of a UNet cost, as `RunCost` counts it, and what its graph takes. */
interface CallCosts {
  readonly graph: Graph;
  readonly gradient: number;
  readonly prediction: number;
  /** Of results that are needed at one time; of a gradient none where nothing is trained. */
  readonly gradientBytes: number;
  readonly predictionBytes: number;
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
    gradientBytes: train.peakBytes,
    predictionBytes: predict.peakBytes,
    nodeBytes: NODE_BYTES * (first.nodes.length + second.nodes.length),
    largestTensor: largestTensor(graph),
  };
}

/** What calls of a UNet cost in all the shapes that a run draws and trains in. */
export interface ShapeCosts {
  /** In the shape of what is drawn. */
  readonly drawn: CallCosts;
  /** Work of calls in the shapes that are trained, in the mean of a run's steps. */
  readonly trained: Pick<CallCosts, 'gradient' | 'prediction'>;
  /** The most that results take at one time. */
  readonly resultBytes: number;
  readonly nodeBytes: number;
  readonly largestTensor: LargeTensor;
}

/**
 * Counts calls of a UNet in the shape of what is drawn and in those that are trained.
 *
 * @param shapes that are trained; none for that of what is drawn
 */
export async function costOfShapes(
  checkpoint: Checkpoint,
  settings: UnetGraphSettings,
  shapes: readonly PictureShape[],
  isTrained: boolean,
): Promise<ShapeCosts> {
  const drawn = await costOfCalls(checkpoint, settings, isTrained);
  const { shape } = settings;
  const others: CallCosts[] = [];
  for (const size of shapes) {
    const latents = latentSize(checkpoint, size);
    const isDrawn = isSameSize(latents, shape);
    others.push(
      isDrawn
        ? drawn
        : await costOfCalls(
            checkpoint,
            { ...settings, shape: { ...shape, ...latents } },
            isTrained,
          ),
    );
  }
  const trained = others.length === 0 ? [drawn] : others;
  const shares = others.length === 0 ? [1] : sharesOf(shapes);
  const meanOf = (call: 'gradient' | 'prediction') =>
    trained.reduce((sum, calls, i) => sum + elementAt(shares, i) * calls[call], 0);
  const all = [...new Set([drawn, ...trained])];
  return {
    drawn,
    trained: { gradient: meanOf('gradient'), prediction: meanOf('prediction') },
    // In the shape of what is drawn nothing is trained where there are others.
    resultBytes: Math.max(
      drawn.predictionBytes,
      ...trained.map((calls) => Math.max(calls.gradientBytes, calls.predictionBytes)),
    ),
    nodeBytes: all.reduce((sum, calls) => sum + calls.nodeBytes, 0),
    largestTensor: all
      .map((calls) => calls.largestTensor)
      .reduce((a, b) => (b.bytes > a.bytes ? b : a)),
  };
}

function unetWeights({ file, denoiser }: Checkpoint): number {
  let weights = 0;
  for (const [name, { shape }] of file.tensors) {
    if (name.startsWith(denoiser.prefix)) weights += elementCount(shape);
  }
  return weights;
}
