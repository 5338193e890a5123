import type { EraseSettings, TrainSet } from './job.ts';
import type { LambdaRule } from './lambda-rule.ts';

type OptimizerSettings = EraseSettings['optimizer'];

/** Each rule for λ as it is taken where only its name is given. */
export const defaultRules = {
  constant: { kind: 'constant', lambda: 1 },
  cosine: { kind: 'cosine', eta: 0.1 },
  projection: { kind: 'projection', eta: 0.5, budget: 'norm' },
} as const satisfies Record<LambdaRule['kind'], LambdaRule>;

/** Each optimizer as it is taken where only its name is given; PyTorch's defaults. */
export const defaultOptimizers = {
  adam: { kind: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 },
  adamw: { kind: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 },
  sgd: { kind: 'sgd', momentum: 0, weightDecay: 0 },
} as const satisfies Record<OptimizerSettings['kind'], OptimizerSettings>;

/** Sets that hold most of the UNet move its output further for the same step of each parameter. */
const learningRates: Readonly<Record<TrainSet, number>> = {
  full: 5e-6,
  notime: 5e-6,
  noxattn: 5e-6,
  selfattn: 1e-5,
  xattn: 1e-5,
};

/** What to train where nothing is said: the layers that read the prompt. */
export const defaultTrainSet: TrainSet = 'xattn';

/**
 * How an erasure trains where neither the preset nor the person says otherwise.
 *
 * @param size width and height of the images that the model was made for, in pixels
 */
export function defaultSettings(train: TrainSet, size: number): EraseSettings {
  const learningRate = learningRates[train];
  return {
    train,
    steps: 200,
    // With a constant λ nothing depends on φ_K: the inner loop would be work for a number in a log.
    innerSteps: 0,
    learningRate,
    innerLearningRate: learningRate,
    rule: defaultRules.constant,
    optimizer: defaultOptimizers.adam,
    innerOptimizer: defaultOptimizers.adam,
    clipNorm: 1,
    batch: 1,
    accumulation: 1,
    target: 'anchor',
    // On tiny-sd with 128 drawn pictures, holding to the added noise left .80 of the kept styles
    // after 40 steps, holding to the original's predictions .97.
    retainTarget: 'original',
    size,
    seed: 0,
    generatedForget: 32,
    generatedRetain: 64,
    generationSteps: 20,
    guidanceScale: 7.5,
    sampleEvery: 0,
    evaluationPictures: 0,
    saveEvery: null,
  };
}
