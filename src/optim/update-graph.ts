import { GraphBuilder } from '../onnx/graph-builder.ts';
import type { Graph, Value } from '../onnx/graph.ts';
import type { Shape } from '../tensor/shape.ts';
import { momentNames, type AdamSettings, type OptimizerSettings } from './update-rule.ts';

export interface ParameterSpec {
  readonly name: string;
  readonly shape: Shape;
}

/** How the update graph names its inputs and outputs; `part` is what the tensor is. */
export function tensorName(part: string, parameter: string): string {
  return `${part}:${parameter}`;
}

/** Scalars fed at every step, float32 [1]: coefficients of the gradient terms are `weight0`, … */
interface StepScalars {
  readonly learningRate: Value;
  readonly rate: Value;
  readonly squareCorrection: Value;
  readonly weights: readonly Value[];
}

/**
 * One optimizer step for a list of parameters. The gradient is Σ weightᵢ·gradᵢ over `terms` terms,
 * so that a sum like ∇L_r + λ∇L_f and the factor of gradient clipping need no pass of their own.
 *
 * Inputs: `parameter:NAME`, `gradient0:NAME`, …, the moments `mean:NAME` and so on, and the scalars
 * `learningRate`, `rate`, `squareCorrection`, `weight0`, …; outputs: `next-parameter:NAME` and the
 * next moments. Every output may share its memory with the input that it replaces. Masked, it takes
 * `mask:NAME` too, 0 where the parameter stays as it is, else 1.
 */
export function buildUpdateGraph(
  parameters: readonly ParameterSpec[],
  settings: OptimizerSettings,
  { terms, isMasked = false }: { readonly terms: number; readonly isMasked?: boolean },
): Graph {
  const g = new GraphBuilder(`${settings.kind}-update`);
  const scalar = (name: string) => g.input(name, 'float32', [1]);
  const scalars: StepScalars = {
    learningRate: scalar('learningRate'),
    rate: scalar('rate'),
    squareCorrection: scalar('squareCorrection'),
    weights: Array.from({ length: terms }, (_, i) => scalar(`weight${i}`)),
  };
  for (const { name, shape } of parameters) {
    const input = (part: string) => g.input(tensorName(part, name), 'float32', shape);
    const parameter = input('parameter');
    const gradient = scalars.weights
      .map((weight, i) => g.mul(weight, input(`gradient${i}`)))
      .reduce((sum, term) => g.add(sum, term));
    const moments = momentNames(settings).map(input);
    const next = g.scope(name, () =>
      emitUpdate(g, settings, { parameter, gradient, moments, scalars }),
    );
    const changed = isMasked
      ? g.op('Where', [g.cast(input('mask'), 'bool'), next.parameter, parameter])
      : next.parameter;
    g.output(tensorName('next-parameter', name), changed);
    momentNames(settings).forEach((moment, i) => {
      const value = next.moments[i];
      if (value) g.output(tensorName(`next-${moment}`, name), value);
    });
  }
  return g.graph;
}

interface UpdateOperands {
  readonly parameter: Value;
  readonly gradient: Value;
  readonly moments: readonly Value[];
  readonly scalars: StepScalars;
}

interface Updated {
  readonly parameter: Value;
  readonly moments: readonly Value[];
}

function emitUpdate(
  g: GraphBuilder,
  settings: OptimizerSettings,
  { parameter, gradient, moments, scalars }: UpdateOperands,
): Updated {
  const { weightDecay } = settings;
  const isDecoupled = settings.kind === 'adamw';
  const decay = g.scalar(weightDecay, parameter);
  const decayed =
    weightDecay === 0 || isDecoupled ? gradient : g.add(gradient, g.mul(decay, parameter));
  if (settings.kind === 'sgd') {
    const [momentum] = moments;
    const velocity = momentum
      ? g.add(g.mul(g.scalar(settings.momentum, parameter), momentum), decayed)
      : decayed;
    const next = g.sub(parameter, g.mul(scalars.rate, velocity));
    return { parameter: next, moments: momentum ? [velocity] : [] };
  }
  const adam = emitAdamDirection(g, settings, { gradient: decayed, moments, scalars });
  const shrink = g.sub(g.scalar(1, parameter), g.mul(scalars.learningRate, decay));
  const kept = isDecoupled && weightDecay !== 0 ? g.mul(parameter, shrink) : parameter;
  const step = g.mul(scalars.rate, adam.direction);
  return { parameter: g.sub(kept, step), moments: adam.moments };
}

/** m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g²; direction m / (√v/√(1−β₂ᵗ) + ε) (Kingma & Ba 2015) */
function emitAdamDirection(
  g: GraphBuilder,
  settings: AdamSettings,
  { gradient, moments, scalars }: Omit<UpdateOperands, 'parameter'>,
): { direction: Value; moments: readonly Value[] } {
  const [mean, square] = moments;
  if (!mean || !square) throw new TypeError('Adam needs two moments');
  const constant = (element: number) => g.scalar(element, gradient);
  const { beta1, beta2, epsilon } = settings;
  const nextMean = g.add(g.mul(constant(beta1), mean), g.mul(constant(1 - beta1), gradient));
  const gradientSquare = g.mul(constant(1 - beta2), g.mul(gradient, gradient));
  const nextSquare = g.add(g.mul(constant(beta2), square), gradientSquare);
  const deviation = g.mul(g.op('Sqrt', [nextSquare]), scalars.squareCorrection);
  const direction = g.div(nextMean, g.add(deviation, constant(epsilon)));
  return { direction, moments: [nextMean, nextSquare] };
}
