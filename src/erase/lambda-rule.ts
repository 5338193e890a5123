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

/** What a rule sees of the two gradients. */
export interface GradientGeometry {
  /** |∇L_r|² */
  readonly retainSquare: number;
  /** |∇L_f|² */
  readonly forgetSquare: number;
  /** ⟨∇L_r, ∇L_f⟩ */
  readonly product: number;
  /** L_f(θ) − L_f(φ_K); null where it was not evaluated */
  readonly gap: number | null;
}

/** Keeps the cosine finite where a gradient vanishes, as the published code does. */
const cosineEpsilon = 1e-8;

/** Whether the rule needs the loss at φ_K, and with it the inner loop. */
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

/** |∇L_r + λ∇L_f| */
export function combinedNorm(geometry: GradientGeometry, lambda: number): number {
  const { retainSquare, forgetSquare, product } = geometry;
  return Math.sqrt(
    Math.max(0, retainSquare + 2 * lambda * product + lambda * lambda * forgetSquare),
  );
}
