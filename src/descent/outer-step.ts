import type { Tensor } from '../runtime/tensor.ts';
import type { TensorSet } from '../runtime/tensor-set.ts';
import { combinedNorm, directionCosines, type GradientGeometry } from './gradient-geometry.ts';
import type { InnerProducts, Optimizer, OptimizerState } from './optimizer.ts';
import type { DenoisingBatch, TrainableModel } from './trainable-model.ts';
import type { WeightAverage } from './weight-average.ts';

/** What lives from one outer step to the next, and the tools that change it. */
export interface OuterTools {
  readonly model: TrainableModel;
  /** θ */
  readonly parameters: TensorSet;
  readonly outerState: OptimizerState;
  readonly outer: Optimizer;
  /** Follows θ, where the result is its mean. */
  readonly average?: WeightAverage | null;
  readonly innerProducts: InnerProducts;
  /** Adds up the gradients of several batches: plain SGD with one term. */
  readonly accumulator: Optimizer;
  /**
   * Memory for two more sets of parameters: ∇L_f in `first`, ∇L_r in `second`. Holding no more than
   * this is what lets a full model train. `third` takes the gradient of one batch where several are
   * added up.
   */
  readonly workspace: {
    readonly first: TensorSet;
    readonly second: TensorSet;
    readonly third: TensorSet;
  };
}

/** What every method tells of a step. */
export interface StepReport {
  /** Null where a step has none of the two. */
  readonly retainLoss: number | null;
  readonly forgetLoss: number | null;
  /** L_f before each inner step. */
  readonly innerLosses: readonly number[];
  /** L_f(θ) − L_f(φ_K); null where the method does not need it. */
  readonly gap: number | null;
  readonly lambda: number;
  readonly retainGradientNorm: number;
  readonly forgetGradientNorm: number;
  /** Of ∇L_r and ∇L_f. */
  readonly cosine: number;
  /** Of δ = ∇L_r + λ∇L_f, which is followed, and ∇L_r; null where one of them is 0. */
  readonly retainCosine: number | null;
  /** Of δ and ∇L_f; the same. */
  readonly forgetCosine: number | null;
}

/** A gradient is `weight` times what the set holds. */
export interface WeighedGradient {
  readonly gradient: TensorSet;
  readonly weight: number;
}

/** One summand: `scale` times the gradient of the mean squared error of ε_θ to `target`. */
export interface GradientPart {
  readonly batch: DenoisingBatch;
  readonly target: Tensor;
  readonly scale: number;
}

/**
 * Adds up gradients at θ in `into`; with the mean squared error of each.
 *
 * @param factorOf what a gradient counts beside its scale, by its mean squared error. Default: 1
 */
export async function addGradients(
  { model, parameters, accumulator, workspace }: OuterTools,
  parts: readonly GradientPart[],
  into: TensorSet,
  factorOf: (loss: number) => number = () => 1,
): Promise<WeighedGradient & { readonly losses: readonly number[] }> {
  const losses: number[] = [];
  let weight = 0;
  for (const [i, { batch, target, scale }] of parts.entries()) {
    const gradient = i === 0 ? into : workspace.third;
    const loss = await model.gradient(parameters, batch, { target, into: gradient });
    losses.push(loss);
    const own = scale * factorOf(loss);
    if (i === 0) {
      weight = own;
      continue;
    }
    await accumulator.step({ from: into, to: into }, [{ weight: -own / weight, gradient }], {
      state: accumulator.freshState(),
      learningRate: 1,
    });
  }
  return { gradient: into, weight, losses };
}

/** How far a step follows its two gradients. */
export interface OuterStepSettings {
  /** λ for these two gradients. */
  readonly lambda: (geometry: GradientGeometry) => number;
  readonly learningRate: number;
  /** Largest norm of the gradient that is followed; null for no clipping. */
  readonly clipNorm: number | null;
}

/** θ ← θ − lr·(∇L_r + λ∇L_f), the sum clipped to its largest norm. */
export async function takeOuterStep(
  { outer, outerState, innerProducts, parameters, average }: OuterTools,
  { retain, forget, gap }: { retain: WeighedGradient; forget: WeighedGradient; gap: number | null },
  settings: OuterStepSettings,
): Promise<Omit<StepReport, 'retainLoss' | 'forgetLoss' | 'innerLosses'>> {
  const products = await innerProducts.compute(retain.gradient, forget.gradient);
  const geometry: GradientGeometry = {
    retainSquare: products.firstSquare * retain.weight ** 2,
    forgetSquare: products.secondSquare * forget.weight ** 2,
    product: products.product * retain.weight * forget.weight,
    gap,
  };
  const lambda = settings.lambda(geometry);
  const clip = clipFactor(combinedNorm(geometry, lambda), settings.clipNorm);
  await outer.step(
    { from: parameters, to: parameters },
    [
      { weight: clip * retain.weight, gradient: retain.gradient },
      { weight: clip * lambda * forget.weight, gradient: forget.gradient },
    ],
    { state: outerState, learningRate: settings.learningRate },
  );
  await average?.follow(parameters);
  return { lambda, ...describe(geometry), ...directionCosines(geometry, lambda) };
}

/** The factor that brings a gradient of this norm to at most `clipNorm`; torch's clip_grad_norm_. */
function clipFactor(norm: number, clipNorm: number | null): number {
  return clipNorm === null ? 1 : Math.min(1, clipNorm / (norm + 1e-6));
}

function describe(geometry: GradientGeometry) {
  const retainGradientNorm = Math.sqrt(geometry.retainSquare);
  const forgetGradientNorm = Math.sqrt(geometry.forgetSquare);
  const norms = retainGradientNorm * forgetGradientNorm;
  return {
    gap: geometry.gap,
    retainGradientNorm,
    forgetGradientNorm,
    cosine: norms === 0 ? 0 : geometry.product / norms,
  };
}
