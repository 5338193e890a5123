import type { Adaptation } from '../adapters/adapter.ts';
import { gradients } from '../autodiff/backward.ts';
import { elementAt } from '../element-at.ts';
import type { Checkpoint } from '../families/checkpoint.ts';
import type { DenoiserShape, DenoiserShapes, LatentSize } from '../families/family.ts';
import { inputOf } from '../families/latent-sizes.ts';
import { computeInFloat16 } from '../onnx/compute-float16.ts';
import { GraphBuilder, type Recomputation } from '../onnx/graph-builder.ts';
import type { Graph, Value } from '../onnx/graph.ts';

/** What a UNet's graph is built for. */
export interface UnetGraphSettings {
  readonly shape: DenoiserShape;
  /** Other sizes of latents that it is asked about: each makes the graph larger, and shares the weights. */
  readonly otherSizes?: readonly LatentSize[];
  /** What training changes: its parameters are fed at every call. */
  readonly adaptation: Adaptation;
  /** What it computes in. Default: float32. */
  readonly precision?: Precision;
  /** Whether the gradient to what prompts say is asked for besides that to the parameters. */
  readonly givesContextGradient?: boolean;
}

/** float16 is that of `computeInFloat16`: sums, losses and gradients of parameters are float32 all the same. */
export type Precision = 'float32' | 'float16';

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
  settings: UnetGraphSettings,
): Promise<Graph> {
  const { denoiser } = checkpoint;
  const { adaptation, precision = 'float32' } = settings;
  const shapes = shapesOf(settings);
  const g = new GraphBuilder('unet', { recomputes: recomputationFor(checkpoint, shapes) });
  const { contextInput, ...declared } = await denoiser.load();
  const predict = declared.declare(g, shapes);
  const targets = shapes.map((shape, i) =>
    g.rows(inputOf('target', i), 'float32', denoiser.latentShape(shape)),
  );
  const asked = shapes.map((_, i) => (i === 0 ? null : g.input(inputOf('asked', i), 'bool', [])));
  const trained = differentiated(settings, contextInput);
  const { weights, parameter } = adaptation.bind(g);
  const training = trained.length > 0 ? g.input('training', 'bool', []) : null;
  const context = g.graph.inputs.find(({ name }) => name === contextInput);
  const parameters = trained.map((name) =>
    name === contextInput && context ? context : parameter(name),
  );
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

/** Names of the inputs that there are gradients to. */
export function differentiated(
  { adaptation, givesContextGradient = false }: UnetGraphSettings,
  contextInput: string,
): readonly string[] {
  return [
    ...adaptation.parameters.map(({ name }) => name),
    ...(givesContextGradient ? [contextInput] : []),
  ];
}

/** A branch of branches. */
function withOutputs(branch: GraphBuilder, values: readonly Value[]): Graph {
  for (const value of values) branch.output(value.name, value, { isOpen: true });
  return branch.graph;
}

/** The shapes that a graph is built for, the usual one first. */
export function shapesOf({
  shape,
  otherSizes = [],
}: Pick<UnetGraphSettings, 'shape' | 'otherSizes'>): DenoiserShapes {
  return [shape, ...otherSizes.map((size) => ({ ...shape, ...size }))];
}

/** What the gradient of a parameter is called among the outputs. */
export function gradientName(parameter: string): string {
  return `gradient:${parameter}`;
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
