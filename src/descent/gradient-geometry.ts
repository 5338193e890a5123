/** What is known of the two gradients of a step, ∇L_r and ∇L_f. */
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

/** |∇L_r + λ∇L_f| */
export function combinedNorm(geometry: GradientGeometry, lambda: number): number {
  const { retainSquare, forgetSquare, product } = geometry;
  return Math.sqrt(
    Math.max(0, retainSquare + 2 * lambda * product + lambda * lambda * forgetSquare),
  );
}

/**
 * How far the direction that is followed, δ = ∇L_r + λ∇L_f, goes with each of the two gradients: cos(δ, ∇L_r)
 * and cos(δ, ∇L_f), as in Figure 2 of EraseDiff (Wu et al., arXiv 2401.05779); null where one of them is 0.
 */
export function directionCosines(
  geometry: GradientGeometry,
  lambda: number,
): { readonly retainCosine: number | null; readonly forgetCosine: number | null } {
  const { retainSquare, forgetSquare, product } = geometry;
  const norm = combinedNorm(geometry, lambda);
  const cosine = (dot: number, square: number) =>
    norm * square === 0 ? null : dot / (norm * Math.sqrt(square));
  return {
    retainCosine: cosine(retainSquare + lambda * product, retainSquare),
    forgetCosine: cosine(product + lambda * forgetSquare, forgetSquare),
  };
}
