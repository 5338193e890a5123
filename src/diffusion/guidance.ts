import { linearCombination } from './linear-combination.ts';

/** Rows of a call that a picture takes: without guidance nothing is predicted for another prompt. */
export function guidedRows(guidanceScale: number): 1 | 2 {
  return guidanceScale === 1 ? 1 : 2;
}

/**
 * Classifier-free guidance: uncond + scale (cond - uncond) (Ho and Salimans 2022, as Stable
 * Diffusion counts the scale: 1 is no guidance).
 * @param uncond prediction for the negative prompt, float32 of any shape
 * @param cond prediction for the prompt, the same shape
 * @returns float32, the same shape; a new array
 */
export function guide(
  uncond: Float32Array,
  cond: Float32Array,
  guidanceScale: number,
): Float32Array {
  return linearCombination(1 - guidanceScale, uncond, guidanceScale, cond);
}
