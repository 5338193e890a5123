/** How far noise is removed before fresh noise is added, so that a step ends at its noise level. */
export interface AncestralStep {
  /** The level that is reached first; */
  readonly down: number;
  /** the standard deviation of what is added there: down² + up² is the level's square. */
  readonly up: number;
}

/**
 * A step of DDPM's sampler between two noise levels (`get_ancestral_step` of k-diffusion, eta 1):
 * up² = next² (sigma² - next²) / sigma².
 */
export function ancestralStep(sigma: number, next: number): AncestralStep {
  const up = Math.min(next, next * Math.sqrt(1 - (next / sigma) ** 2));
  return { down: Math.sqrt(next ** 2 - up ** 2), up };
}
