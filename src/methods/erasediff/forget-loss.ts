/**
 * How far predictions under forgotten prompts are from what they are steered to.
 *
 * - `squared`: the mean squared error L.
 * - `hellinger`: 1 − exp(−L), the squared Hellinger distance of two Gaussians with these means and one
 *   variance. Its gradient is exp(−L)∇L: what is far off pulls less.
 */
export const forgetLosses = ['squared', 'hellinger'] as const;
export type ForgetLoss = (typeof forgetLosses)[number];

/** What the gradient of the mean squared error of a batch counts, by its value. */
export function factorOf(kind: ForgetLoss, squaredError: number): number {
  return kind === 'hellinger' ? Math.exp(-squaredError) : 1;
}
