import type { Quantity } from '../figure.ts';

/** What `changeEvaluator` measures. Apart from it: to show a figure takes no picture library. */
export function changeQuantity(reference: Quantity['reference']): Quantity {
  return {
    id: 'change.kept',
    role: 'retain',
    title: 'Change of what is kept',
    kind: 'distance',
    wanted: 'unchanged',
    meaning: 'is how far a kept picture moved, 0 to 1, on average',
    limits:
      'The distance is the mean difference of a colour value: a picture that moved may be as good as before.',
    reference,
    caution: null,
  };
}
