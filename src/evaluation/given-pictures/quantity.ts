import type { Quantity } from '../figure.ts';

/** What `givenPicturesEvaluator` measures. Apart from it: to show a figure takes no picture library. */
export function givenPicturesQuantity(reference: Quantity['reference']): Quantity {
  return {
    id: 'given-pictures.distance',
    role: 'forget',
    title: 'Distance to the given pictures',
    kind: 'distance',
    wanted: 'higher',
    meaning:
      'is how far a picture of a forgotten prompt is from the most similar given one, 0 to 1, on average',
    limits:
      'The distance to a given picture is the mean difference of a colour value, both made small. It says whether the picture comes back as it was, not whether parts of it or its subject do.',
    reference,
    caution: null,
  };
}
