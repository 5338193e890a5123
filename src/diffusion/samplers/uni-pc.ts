import { elementAt } from '../../element-at.ts';
import { linearCombination } from '../linear-combination.ts';
import { sigmaAt, type Solver } from './sigma-space.ts';

/** As AUTOMATIC1111 and ComfyUI run it. */
const MAX_ORDER = 3;

/** What the model saw at a noise level. */
interface Sight {
  readonly sigma: number;
  readonly x0: Float32Array;
}

/**
 * UniPC, the unified predictor-corrector of third order (Algorithms 5 to 8, Zhao et al. 2023, arXiv
 * 2302.04867) on predictions of x_0, with B(h) = h ("bh1"): each look of the model first corrects the step
 * that led to it, then leads on. The first steps and the last ones are of lower order.
 */
export const solveUniPc: Solver = async ({ sigmas, start, x0At, onStep }) => {
  const steps = sigmas.length - 1;
  const seen: Sight[] = [];
  let latents = start;
  // Where the last step began, for its correction.
  let origin = start;
  let order = 0;
  for (let i = 0; i < steps; i++) {
    const sigma = sigmaAt(sigmas, i);
    const sight = { sigma, x0: await x0At(latents, sigma) };
    if (order > 0) latents = takeStep(origin, seen.slice(0, order), sigma, sight);
    seen.unshift(sight);
    order = Math.min(MAX_ORDER, i + 1, steps - i);
    origin = latents;
    latents = takeStep(latents, seen.slice(0, order), sigmaAt(sigmas, i + 1));
    onStep(i + 1, steps, latents);
  }
  return latents;
};

/**
 * A step from the level of the newest sight: x_next = (next / sigma) x + (1 - next / sigma) x0 -
 * B Σ ρ_k (x0_k - x0) / r_k, with B = -h, h = log(sigma / next), r_k = log(sigma / sigma_k) / h.
 *
 * @param latents at the newest sight's level
 * @param sights newest first, as many as the step's order
 * @param reached where the step is corrected, what the model saw where it had led to: r = 1
 */
function takeStep(
  latents: Float32Array,
  [newest, ...older]: readonly Sight[],
  next: number,
  reached?: Sight,
): Float32Array {
  if (!newest) throw new RangeError('a step of UniPC needs what the model saw last');
  const { sigma, x0 } = newest;
  const straight = linearCombination(next / sigma, latents, 1 - next / sigma, x0);
  if (next === 0) return straight;
  const h = Math.log(sigma / next);
  const others = [...older, ...(reached ? [reached] : [])];
  const ratios = others.map((other) => Math.log(sigma / other.sigma) / h);
  return combinationWeights(ratios, h).reduce((sum, weight, k) => {
    const factor = (h * weight) / (ratios[k] ?? 1);
    const change = linearCombination(factor, others[k]?.x0 ?? x0, -factor, x0);
    return linearCombination(1, sum, 1, change);
  }, straight);
}

/**
 * ρ of Eq. 8 and 10, which solves Σ_k ρ_k r_k^(i-1) = b_i for i = 1, 2, …: b_i = i! φ_i / B, where φ_1 =
 * (exp(-h) - 1) / -h - 1 and φ_(i+1) = φ_i / -h - 1 / (i + 1)!. A lone one is 1/2, which keeps its order.
 */
function combinationWeights(ratios: readonly number[], h: number): number[] {
  if (ratios.length === 1) return [0.5];
  const sides: number[] = [];
  let phi = Math.expm1(-h) / -h - 1;
  let factorial = 1;
  for (let i = 1; i <= ratios.length; i++) {
    sides.push((phi * factorial) / -h);
    factorial *= i + 1;
    phi = phi / -h - 1 / factorial;
  }
  return ratios.map((_, k) =>
    lagrangePolynomial(ratios, k).reduce(
      (sum, coefficient, i) => sum + coefficient * elementAt(sides, i),
      0,
    ),
  );
}

/** Coefficients, lowest power first, of the polynomial that is 1 at node k and 0 at the others. */
function lagrangePolynomial(nodes: readonly number[], k: number): number[] {
  const own = nodes[k] ?? 0;
  return nodes.reduce<number[]>(
    (polynomial, node, j) => {
      if (j === k) return polynomial;
      const scale = 1 / (own - node);
      return [...polynomial, 0].map(
        (coefficient, i) => scale * ((polynomial[i - 1] ?? 0) - node * coefficient),
      );
    },
    [1],
  );
}
