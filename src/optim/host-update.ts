import type { AdamSettings, OptimizerSettings, SgdSettings } from './update-rule.ts';

/** One summand of a gradient: float32, as many elements as the parameter. */
export interface HostTerm {
  readonly weight: number;
  readonly gradient: Float32Array;
}

/** One parameter at one step; `parameter` and `next` may be the same array. */
export interface HostUpdate {
  readonly parameter: Float32Array;
  /** Takes the new values. */
  readonly next: Float32Array;
  readonly terms: readonly HostTerm[];
  /** In the order of `momentNames`; changed in place. */
  readonly moments: readonly Float32Array[];
  /** 0 where the parameter stays as it is, else 1. Default: nowhere. */
  readonly mask?: Float32Array | undefined;
  readonly learningRate: number;
  readonly rate: number;
  readonly squareCorrection: number;
}

/**
 * The update graph's arithmetic (see `buildUpdateGraph`) on host memory. One loop over the elements
 * measured ten times faster than a graph of seventeen elementwise nodes for each parameter.
 */
export function updateOnHost(settings: OptimizerSettings, update: HostUpdate): void {
  const gradient = gradientAt(update.terms);
  if (settings.kind === 'sgd') stepSgd(settings, update, gradient);
  else stepAdam(settings, update, gradient);
}

type ElementOf = (index: number) => number;

/** Σ weightᵢ·gradᵢ at an index, without a loop for the one and two terms that training has. */
function gradientAt([first, second, ...others]: readonly HostTerm[]): ElementOf {
  if (!first || others.length > 0) throw new RangeError('a gradient has one or two terms');
  const { weight: a, gradient: x } = first;
  if (!second) return (i) => a * (x[i] ?? 0);
  const { weight: b, gradient: y } = second;
  return (i) => a * (x[i] ?? 0) + b * (y[i] ?? 0);
}

function stepSgd({ momentum, weightDecay }: SgdSettings, update: HostUpdate, gradient: ElementOf) {
  const { parameter, next, moments, mask, rate } = update;
  const [velocity] = moments;
  for (let i = 0; i < parameter.length; i++) {
    const p = parameter[i] ?? 0;
    next[i] = p;
    if (mask?.[i] === 0) continue;
    let direction = gradient(i) + weightDecay * p;
    if (velocity) {
      direction += momentum * (velocity[i] ?? 0);
      velocity[i] = direction;
    }
    next[i] = p - rate * direction;
  }
}

function stepAdam(settings: AdamSettings, update: HostUpdate, gradient: ElementOf) {
  const { beta1, beta2, epsilon, weightDecay } = settings;
  const { parameter, next, mask, learningRate, rate, squareCorrection } = update;
  const [mean, square] = update.moments;
  if (!mean || !square) throw new TypeError('Adam needs two moments');
  const isDecoupled = settings.kind === 'adamw';
  const kept = isDecoupled ? 1 - learningRate * weightDecay : 1;
  const decay = isDecoupled ? 0 : weightDecay;
  for (let i = 0; i < parameter.length; i++) {
    const p = parameter[i] ?? 0;
    next[i] = p;
    if (mask?.[i] === 0) continue;
    const g = gradient(i) + decay * p;
    const m = beta1 * (mean[i] ?? 0) + (1 - beta1) * g;
    const v = beta2 * (square[i] ?? 0) + (1 - beta2) * g * g;
    mean[i] = m;
    square[i] = v;
    next[i] = kept * p - (rate * m) / (Math.sqrt(v) * squareCorrection + epsilon);
  }
}

/** |g₀|², |g₁|² and ⟨g₀, g₁⟩ in float64, of what the mask leaves. */
export function innerProductsOnHost(
  first: Float32Array,
  second: Float32Array,
  mask?: Float32Array,
) {
  let firstSquare = 0;
  let secondSquare = 0;
  let product = 0;
  for (let i = 0; i < first.length; i++) {
    if (mask?.[i] === 0) continue;
    const a = first[i] ?? 0;
    const b = second[i] ?? 0;
    firstSquare += a * a;
    secondSquare += b * b;
    product += a * b;
  }
  return { firstSquare, secondSquare, product };
}
