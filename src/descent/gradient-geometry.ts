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
