import type { GradientGeometry } from '../../descent/gradient-geometry.ts';

/**
 * How much of the forgetting gradient joins the retaining one: θ ← θ − lr·(∇L_r + λ∇L_f).
 *
 * - `constant`: a fixed λ, as every command shipped with the published code uses.
 * - `cosine`: λ = max(0, η − cos(∇L_r, ∇L_f)), the adaptive branch of the published code.
 * - `projection`: λ = max(0, (a − ⟨∇L_r, ∇L_f⟩) / |∇L_f|²), Wu et al. 2024 (arXiv 2401.05779) after
 *   Liu et al. 2022 (BOME), with the budget a = η|∇L_f|² (`norm`) or a = η·max(0, gap) (`gap`),
 *   gap = L_f(θ) − L_f(φ_K).
 * - `conflict`: where the two gradients point against each other, ∇L_f without its part along ∇L_r, which
 *   then costs nothing of what is kept to first order; else a fixed λ (PCGrad, Yu et al. 2020,
 *   arXiv 2001.06782). ∇L_r + λ(∇L_f − ⟨∇L_r, ∇L_f⟩/|∇L_r|²·∇L_r) has the direction of ∇L_r + λ'∇L_f with
 *   λ' = λ / (1 − λ⟨∇L_r, ∇L_f⟩/|∇L_r|²).
 */
export type LambdaRule =
  | { readonly kind: 'constant'; readonly lambda: number }
  | { readonly kind: 'cosine'; readonly eta: number }
  | { readonly kind: 'projection'; readonly eta: number; readonly budget: 'norm' | 'gap' }
  | { readonly kind: 'conflict'; readonly lambda: number };

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
    case 'conflict': {
      if (product >= 0 || retainSquare === 0) return rule.lambda;
      return rule.lambda / (1 - (rule.lambda * product) / retainSquare);
    }
  }
}
