import { changeEvaluator } from './change/evaluator.ts';
import { classifierEvaluator } from './classifier/evaluator.ts';
import type { Evaluator } from './evaluator.ts';
import { givenPicturesEvaluator } from './given-pictures/evaluator.ts';
import { sharpnessEvaluator } from './sharpness/evaluator.ts';
import { zeroShotEvaluator } from './zero-shot/evaluator.ts';

/** Every way to judge an erasure, in the order in which their figures are shown. */
export const evaluators: readonly Evaluator[] = [
  givenPicturesEvaluator,
  zeroShotEvaluator,
  classifierEvaluator,
  changeEvaluator,
  sharpnessEvaluator,
];
