import * as z from 'zod';

import { predictionChoices, predictionWishes } from '../diffusion/prediction-reading.ts';
import { adapterSchema, type AdapterSettings, defaultAdapters } from '../adapters/settings.ts';
import { drawingFields } from '../drawing/drawing.ts';
import { count, countOrNone, field, positive } from '../setting-field.ts';

/** A union of objects by their `kind`, of which a name alone is the one with its defaults. */
export function byKind<T extends z.ZodDiscriminatedUnion>(union: T) {
  return z.preprocess((value) => (typeof value === 'string' ? { kind: value } : value), union);
}

/** Which parameters of the UNet change, and what each set is, as the end of a sentence. */
export const trainSetTitles = {
  full: 'all parameters of the UNet',
  xattn: 'the cross-attention layers of the UNet, which read the prompt',
  'xattn-strict': 'keys and values of the cross-attention layers of the UNet',
  noxattn: 'the UNet without its cross-attention, time and output layers',
  selfattn: 'the self-attention layers of the UNet',
  notime: 'the UNet without its time and output layers',
} as const;
export type TrainSet = keyof typeof trainSetTitles;
export const trainSets = Object.keys(trainSetTitles) as [TrainSet, ...TrainSet[]];

const share = (value: number) => z.number().min(0).max(1).default(value);
const decay = (value: number) => z.number().min(0).default(value);
const adamFields = {
  beta1: share(0.9),
  beta2: share(0.999),
  epsilon: positive.default(1e-8),
};
const adam = z.object({ kind: z.literal('adam'), ...adamFields, weightDecay: decay(0) });
const adamw = z.object({ kind: z.literal('adamw'), ...adamFields, weightDecay: decay(0.01) });
const sgd = z.object({ kind: z.literal('sgd'), momentum: share(0), weightDecay: decay(0) });

/** SGD, Adam or AdamW; the numbers that are left out are PyTorch's defaults. */
export const optimizerSchema = z.discriminatedUnion('kind', [adam, adamw, sgd]);

/** Each optimizer as it is taken where only its name is given. */
export const defaultOptimizers = {
  adam: adam.parse({ kind: 'adam' }),
  adamw: adamw.parse({ kind: 'adamw' }),
  sgd: sgd.parse({ kind: 'sgd' }),
};
export const optimizerChoices = { adam: 'Adam', adamw: 'AdamW', sgd: 'SGD' };

/** What a training computes in. */
const precisionWishes = ['auto', 'float32', 'float16'] as const;
export type PrecisionWish = (typeof precisionWishes)[number];

/** What a run writes. */
const outputs = ['checkpoint', 'lora', 'both'] as const;
export type Output = (typeof outputs)[number];

/** What methods train that follow gradients, and for how long. */
export const trainingFields = {
  train: field(z.enum(trainSets), {
    title: 'What is trained',
    description:
      'Fewer layers keep more of the model as it is. What comes without being named (nudity, watermarks) is also held by layers that do not read the prompt.',
    choices: {
      xattn: 'Layers that read the prompt',
      'xattn-strict': 'Of those only keys and values (less memory)',
      full: 'All layers',
      noxattn: 'All but the layers that read the prompt',
      selfattn: 'Self-attention layers',
      notime: 'All but time and output layers',
    } satisfies Record<TrainSet, string>,
  }),
  adapter: field(adapterSchema.default(defaultAdapters.full), {
    title: 'Form of the change',
    description:
      'A low-rank change takes far less memory, and is a small file that web UIs put on top of the original.',
    choices: {
      full: 'The weights themselves',
      lora: 'Low rank (LoRA): something small beside them',
    } satisfies Record<AdapterSettings['kind'], string>,
  }),
  output: field(z.enum(outputs).default('checkpoint'), {
    title: 'Result',
    description:
      'A LoRA file is small, has a strength and is put on top of the original. Only a low-rank change can be one, and is both unless said otherwise.',
    choices: {
      checkpoint: 'A new checkpoint',
      lora: 'A LoRA file',
      both: 'Both',
    } satisfies Record<Output, string>,
  }),
  computePrecision: field(z.enum(precisionWishes).default('auto'), {
    title: 'Precision of the training',
    description:
      'In 16-bit floats a training takes less memory beside the weights. Sums, the loss and what is trained are 32-bit floats all the same.',
    choices: {
      auto: '16 bits on a graphics card that knows them, else 32',
      float32: '32-bit floats',
      float16: '16-bit floats',
    } satisfies Record<PrecisionWish, string>,
    option: 'precision',
  }),
  steps: field(count, {
    title: 'Steps',
    unit: 'steps',
    description: 'More forget more thoroughly and take longer. Time grows in proportion.',
  }),
};

const ends = ['gone', 'steps'] as const;
type End = (typeof ends)[number];

/** Of methods that forget a concept and hold what is kept. Jobs of earlier versions took all their steps. */
export const untilField = field(z.enum(ends).default('steps'), {
  title: 'Training ends',
  description:
    'When it is gone: a few pictures of forgotten prompts are judged on the way, and the best state is kept. The steps are then the most it takes.',
  choices: {
    gone: 'When forgotten prompts no longer show it',
    steps: 'After all its steps',
  } satisfies Record<End, string>,
});

const measuredWays = ['prompts', 'more'] as const;
type Measured = (typeof measuredWays)[number];

const metadataWays = ['minimal', 'full'] as const;
type MetadataWay = (typeof metadataWays)[number];

/** What every method has: how it is drawn, and what a run shows of itself. */
export const commonFields = {
  ...drawingFields,
  evaluationPictures: field(countOrNone, {
    title: 'Pictures to compare',
    unit: 'pictures',
    description: 'Of each prompt that both models draw at the end. 0 for no comparison.',
    group: 'watching',
    option: 'evaluate',
  }),
  // Jobs of earlier versions compared their own prompts alone.
  measured: field(z.enum(measuredWays).default('prompts'), {
    title: 'What is compared',
    description:
      'More takes up to twice the time: what is near the concept and far from it, held-back wordings, and a few prompts with the negative prompts that people write.',
    group: 'watching',
    option: 'measure',
    choices: {
      prompts: "The job's own prompts",
      more: 'What nobody listed, too',
    } satisfies Record<Measured, string>,
  }),
  // Results of earlier versions told their prompts.
  metadata: field(z.enum(metadataWays).default('full'), {
    title: 'What the result says of itself',
    description:
      'In its metadata, which whoever has the file can read. A result alone then does not tell what it forgot; the job in the data folder does.',
    group: 'watching',
    isRare: true,
    choices: {
      minimal: 'How it was made, but no prompt and no name',
      full: 'The prompts to forget and to keep, too',
    } satisfies Record<MetadataWay, string>,
  }),
  /** What the model predicts, as the person chose it; null: what its files say. */
  prediction: field(z.enum(predictionWishes).nullable(), {
    title: 'What the model predicts',
    description: 'Trained as another kind, a model is ruined. None: what its files say.',
    isRare: true,
    choices: predictionChoices,
  }),
  seed: field(z.int().min(0).max(0xffffffff), {
    title: 'Seed',
    description: 'The same seed repeats a run.',
  }),
};

/** What else a training in steps has. */
export const stepFields = {
  batch: field(count, {
    title: 'Batch',
    unit: 'pictures',
    description: 'Pictures in one step. More is steadier, and takes more memory and time.',
  }),
  sampleEvery: field(countOrNone, {
    title: 'Steps between previews',
    unit: 'steps',
    description: 'Samples from the same noise, to watch it forget. 0 for none; they take time.',
    group: 'watching',
  }),
  saveEvery: field(count.nullable(), {
    title: 'Steps between saves',
    unit: 'steps',
    description: 'How often the state is saved. None: as often as costs 5 % of the time.',
    group: 'watching',
    isRare: true,
  }),
};

const givenPicturesWays = ['whole', 'cut'] as const;
type GivenPictures = (typeof givenPicturesWays)[number];

/** What those methods have that are shown pictures to keep. */
const retainFields = {
  generatedRetain: field(count, {
    title: 'Pictures drawn to keep',
    unit: 'pictures',
    description: 'By the model itself, where you gave none. More protect more.',
    group: 'pictures',
  }),
  // Those of earlier versions were cut.
  givenPictures: field(z.enum(givenPicturesWays).default('cut'), {
    title: 'Given pictures',
    description:
      'Whole: each in the shape nearest to its own, of about the area of what is drawn. Cut is the default where you say a width or height.',
    group: 'pictures',
    choices: {
      whole: 'Whole, each in its own shape',
      cut: 'Cut to width and height, from the middle',
    } satisfies Record<GivenPictures, string>,
  }),
};

/** What methods have that train on pictures, in the order in which front ends list it. */
export const runFields = {
  batch: stepFields.batch,
  ...drawingFields,
  ...retainFields,
  sampleEvery: stepFields.sampleEvery,
  evaluationPictures: commonFields.evaluationPictures,
  measured: commonFields.measured,
  metadata: commonFields.metadata,
  saveEvery: stepFields.saveEvery,
  prediction: commonFields.prediction,
  seed: commonFields.seed,
};

/** What those methods have that follow the gradients of a forgetting and a retaining loss. */
export const descentFields = {
  learningRate: field(positive, {
    title: 'Learning rate',
    description: 'How far each step goes. Too high harms what is kept, too low forgets little.',
    option: 'lr',
  }),
  accumulation: field(count, {
    title: 'Batches of a step',
    description: 'Whose gradients are averaged. Fewer are faster, more are steadier.',
  }),
  optimizer: field(optimizerSchema, {
    title: 'Optimizer',
    description: 'How a step follows from the gradients so far.',
    isRare: true,
    choices: optimizerChoices,
  }),
  clipNorm: field(positive.nullable(), {
    title: 'Largest gradient norm',
    description: 'A longer gradient is shortened to it. None: no gradient is.',
    isRare: true,
    option: 'clip',
  }),
  saliency: field(z.number().gt(0).lt(1).nullable().default(null), {
    title: 'Share of weights that change',
    description:
      'Of those that are trained only so many change: where the gradient of forgetting is largest at the start (SalUn). Fewer keep more. None: all of them.',
    isRare: true,
  }),
  ema: field(z.number().gt(0).lt(1).nullable().default(null), {
    title: 'Averaged weights',
    description:
      'The result is the mean of the weights of all steps, of which each step keeps so much (0.99: about the last hundred). It is steadier, and comes later. None: the last weights.',
    isRare: true,
  }),
  retainTarget: field(z.enum(['noise', 'original']), {
    title: 'Retaining holds to',
    description: 'What predictions for kept pictures are compared with.',
    isRare: true,
    choices: {
      noise: 'The noise that was added',
      original: "The original model's prediction",
    },
  }),
};

/** What methods have that go against a gradient of forgetting, which has no end of its own. */
export const ascentFields = {
  /**
   * For pictures of 512 pixels; for others in proportion to their latent entries, over which losses are
   * sums here. (`clipNorm` is of that sum.)
   */
  forgetNorm: field(positive, {
    title: 'Strength of forgetting',
    description:
      'The norm that the gradient of forgetting is brought to. Higher forgets faster and harms more.',
  }),
};

/** What methods have that keep by a loss beside that of forgetting. */
export const keepingFields = {
  retainWeight: field(z.number().min(0), {
    title: 'Weight of keeping',
    description:
      'What the loss on kept pictures counts beside that of forgetting. 0: nothing, and a step takes half the time.',
  }),
};

/** How many pictures of what is forgotten are drawn. */
export const forgetFields = {
  generatedForget: field(count, {
    title: 'Pictures drawn to forget',
    unit: 'pictures',
    description: 'By the model itself, where you gave none.',
    group: 'pictures',
  }),
};

type ValuesOf<F extends Readonly<Record<string, z.ZodType>>> = {
  [K in keyof F]: z.infer<F[K]>;
};
export type DescentSettings = ValuesOf<typeof descentFields>;
export type CommonSettings = ValuesOf<typeof commonFields>;
export type StepSettings = ValuesOf<typeof trainingFields & typeof stepFields>;
export type PictureSettings = ValuesOf<typeof retainFields>;

/**
 * Settings that say how a run is watched, saved and written, or what the job keeps apart as it was found,
 * and nothing else of what its result is but, as its device does, how it is rounded on the way.
 */
export const watchingSettings = [
  'prediction',
  'output',
  'computePrecision',
  'sampleEvery',
  'evaluationPictures',
  'measured',
  'metadata',
  'saveEvery',
] as const satisfies readonly (keyof (CommonSettings & StepSettings))[];
