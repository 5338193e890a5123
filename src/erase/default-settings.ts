import type { EraseSettings, Method, TrainSet } from './job.ts';
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

/** What the defaults depend on: what was asked for, and the model. */
export interface DefaultsContext {
  /** Default: EraseDiff. */
  readonly method?: Method | undefined;
  readonly train?: TrainSet | undefined;
  /** Width and height of the images that the model was made for, in pixels. */
  readonly size: number;
  /** Channels of the UNet's first level: 320 in SD 1.x. */
  readonly modelChannels: number;
}

type SizedSettings = Pick<
  EraseSettings,
  | 'train'
  | 'learningRate'
  | 'steps'
  | 'batch'
  | 'generatedForget'
  | 'generatedRetain'
  | 'generationSteps'
  | 'guidanceScale'
>;

/** Models as wide as those of Stable Diffusion: what the published code takes for it. */
const fullSized: SizedSettings = {
  // The layers that read the prompt.
  train: 'xattn',
  learningRate: 1e-5,
  steps: 200,
  batch: 1,
  generatedForget: 32,
  generatedRetain: 64,
  generationSteps: 20,
  guidanceScale: 7.5,
};

/**
 * Models of a few million parameters, which learn at rates that would harm a large one, and whose
 * prompts are not in the cross-attention alone. Measured on tiny-sd: `npm run bench:erase`.
 */
const tiny: SizedSettings = {
  train: 'full',
  learningRate: 6e-4,
  steps: 60,
  batch: 8,
  generatedForget: 48,
  generatedRetain: 128,
  generationSteps: 10,
  guidanceScale: 5,
};
const tinyChannels = 128;

/** Sets that hold most of the UNet move its output further for the same step of each parameter. */
const learningRateShares: Readonly<Record<TrainSet, number>> = {
  full: 0.5,
  notime: 0.5,
  noxattn: 0.5,
  selfattn: 1,
  xattn: 1,
  'xattn-strict': 1,
};

/**
 * What SISS takes otherwise: for wide models what its authors' code takes for Stable Diffusion v1.4.
 * Only what is kept is held to the original's predictions, as with EraseDiff, and not to the added
 * noise (but for captions that are forgotten too): with two pictures that tiny-sd had learnt by heart,
 * and a norm of 192, what it drew for their captions was then .28 away from them instead of .21 (.25
 * before it knew them), kept subjects .96 instead of .95, kept styles .94 instead of .97; a norm of 128
 * gave .25, .97 and .98 (`npm run bench:pictures`).
 */
function sissSettings({ modelChannels }: DefaultsContext): Partial<EraseSettings> {
  const optimizer = defaultOptimizers.adamw;
  if (modelChannels >= tinyChannels) {
    return { steps: 35, learningRate: 1e-5, batch: 1, accumulation: 16, optimizer };
  }
  return {
    ...{ steps: 40, learningRate: 3e-4, batch: 8, accumulation: 2, optimizer },
    ...{ forgetNorm: 128, firstTimestep: 750 },
  };
}

/** How an erasure trains where neither the preset nor the person says otherwise. */
export function defaultSettings(context: DefaultsContext): EraseSettings {
  const { method = 'erasediff', train, size, modelChannels } = context;
  const sized = modelChannels < tinyChannels ? tiny : fullSized;
  const trainSet = train ?? sized.train;
  const learningRate = sized.learningRate * learningRateShares[trainSet];
  return {
    method,
    ...sized,
    train: trainSet,
    // With a constant λ nothing depends on φ_K: the inner loop would be work for a number in a log.
    innerSteps: 0,
    learningRate,
    innerLearningRate: learningRate,
    rule: defaultRules.constant,
    optimizer: defaultOptimizers.adam,
    innerOptimizer: defaultOptimizers.adam,
    clipNorm: 1,
    accumulation: 1,
    target: 'anchor',
    mixture: 0.5,
    forgetNorm: 750,
    firstTimestep: 999,
    // On tiny-sd with 128 drawn pictures, holding to the added noise left .80 of the kept styles
    // after 40 steps, holding to the original's predictions .97.
    retainTarget: 'original',
    prediction: null,
    size,
    seed: 0,
    sampleEvery: 0,
    evaluationPictures: 0,
    saveEvery: null,
    ...(method === 'siss' && sissSettings(context)),
  };
}

/** Models of SD 1.x, to be shown where none is known yet. */
export const usualModel = { size: 512, modelChannels: 320 } as const;
export const usualDefaults = defaultSettings(usualModel);
