import type { GradientGeometry } from '../../descent/gradient-geometry.ts';

/**
 * How much of the forgetting gradient joins the retaining one: θ ← θ − lr·(∇L_r + λ∇L_f).
 *
 * - `constant`: a fixed λ, as every command shipped with the published code uses.
 * - `cosine`: λ = max(0, η − cos(∇L_r, ∇L_f)), the adaptive branch of the published code.
 * - `projection`: λ = max(0, (a − ⟨∇L_r, ∇L_f⟩) / |∇L_f|²), Wu et al. 2024 (arXiv 2401.05779) after
 *   Liu et al. 2022 (BOME), with the budget a = η|∇L_f|² (`norm`) or a = η·max(0, gap) (`gap`),
 *   gap = L_f(θ) − L_f(φ_K).
 */
export type LambdaRule =
  | { readonly kind: 'constant'; readonly lambda: number }
  | { readonly kind: 'cosine'; readonly eta: number }
  | { readonly kind: 'projection'; readonly eta: number; readonly budget: 'norm' | 'gap' };

/** Keeps the cosine finite where a gradient vanishes, as the published code does. */
const cosineEpsilon = 1e-8;

/** Whether the rule reads the loss at φ_K, the end of the inner loop. */
export function needsGap(rule: LambdaRule): boolean {
  return rule.kind === 'projection' && rule.budget === 'gap';
}

/** λ ≥ 0 for this step. */
export function computeLambda(rule: LambdaRule, geometry: GradientGeometry): number {
  const { retainSquare, forgetSquare, product, gap } = geometry;
  switch (rule.kind) {
    case 'constant':
      return rule.lambda;
    case 'cosine': {
      const norms = Math.sqrt(retainSquare) * Math.sqrt(forgetSquare);
      return Math.max(0, rule.eta - product / (norms + cosineEpsilon));
    }
    case 'projection': {
      if (forgetSquare === 0) return 0;
      const budget =
        rule.budget === 'norm' ? rule.eta * forgetSquare : rule.eta * Math.max(0, gap ?? 0);
      return Math.max(0, (budget - product) / forgetSquare);
    }
  }
}
