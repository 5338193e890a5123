import type { Advice } from '../../contract/estimate.ts';
import type { Checkpoint } from '../../families/checkpoint.ts';
import { describeSize } from '../../drawing/drawing.ts';
import { defaultAdapters } from '../../adapters/settings.ts';
import type { LargeTensor } from '../../onnx/graph-cost.ts';
import { formatBytes } from '../../format-bytes.ts';
import type { Saving } from '../../methods/method.ts';
import {
  type EraseSettings,
  methodOf,
  trainingOf,
  type TrainingSettings,
} from '../../methods/registry.ts';

/** In pixels; pictures are of no use below the last, unless the model was made for less. */
const SMALLER_SIZES = [512, 256];

/** A low-rank change learns at so many times the rate of whole weights: see the methods' defaults. */
const LOW_RANK_RATE = 10;

type Change = Saving<EraseSettings>;

/** A job that needs less memory. */
export interface SmallerVariant extends Change {
  /** All settings, so changed. */
  readonly settings: EraseSettings;
}

/** Changes that need less memory, the mildest first; each on its own, then all together. */
export function smallerVariants(checkpoint: Checkpoint, settings: EraseSettings): SmallerVariant[] {
  return smallerChanges(checkpoint, settings).map((variant) => ({
    ...variant,
    // Of the same method, since a method changes its own settings alone.
    settings: { ...settings, ...variant.change } as EraseSettings,
  }));
}

function smallerChanges(checkpoint: Checkpoint, settings: EraseSettings): Change[] {
  const training = trainingOf(settings);
  const single: Change[] = [
    ...(training && training.batch > 1
      ? [{ change: { batch: 1 }, words: 'train with a batch of 1' }]
      : []),
    ...(methodOf(settings).savings?.(settings) ?? []),
    ...(training?.adapter.kind === 'full' ? [lowRank(training)] : []),
    ...(training ? smallerTrainSets(training.train) : []),
    ...smallerSizes(checkpoint, settings).map((size) => ({
      // Where a size is said, given pictures are cut to it by default.
      change: {
        ...size,
        ...('givenPictures' in settings && { givenPictures: settings.givenPictures }),
      },
      words: `${training ? 'train' : 'compare pictures'} at ${describeSize(size)} instead of ${describeSize(settings)} pixels`,
    })),
  ];
  if (single.length < 2) return single;
  // Of several sizes or sets the last, and smallest, is left.
  const all = Object.assign({}, ...single.map(({ change }) => change)) as Partial<EraseSettings>;
  const left = single.filter(({ change }) =>
    Object.entries(change).every(([name, value]) => all[name as keyof EraseSettings] === value),
  );
  if (left.length < 2) return single;
  return [...single, { change: all, words: left.map(({ words }) => words).join(', ') }];
}

/** Sizes of the same shape, as near to it as fits the model. */
function smallerSizes(
  { facts: { nativeSize, sizeStep } }: Checkpoint,
  { width, height }: EraseSettings,
): Pick<EraseSettings, 'width' | 'height'>[] {
  const longer = Math.max(width, height);
  const sides = new Set(SMALLER_SIZES.map((smaller) => Math.min(smaller, nativeSize)));
  const fitting = (side: number) => Math.max(1, Math.round(side / sizeStep)) * sizeStep;
  return [...sides]
    .filter((smaller) => smaller < longer)
    .map((smaller) => ({
      width: fitting((smaller * width) / longer),
      height: fitting((smaller * height) / longer),
    }));
}

function lowRank({ learningRate }: TrainingSettings): Change {
  return {
    change: {
      adapter: defaultAdapters.lora,
      learningRate: LOW_RANK_RATE * learningRate,
    },
    words: 'train a low-rank change (LoRA) beside the weights',
  };
}

function smallerTrainSets(train: TrainingSettings['train']): Change[] {
  if (train === 'xattn-strict') return [];
  const strict: Change = {
    change: { train: 'xattn-strict' },
    words: 'train only the keys and values of the cross-attention (xattn-strict)',
  };
  if (train === 'xattn') return [strict];
  return [{ change: { train: 'xattn' }, words: 'train the cross-attention only' }, strict];
}

/** The variants that bring a job below a bound, each in a sentence. */
export function fittingAdvice(
  variants: readonly (SmallerVariant & { readonly bytes: number })[],
  limitBytes: number,
): Advice[] {
  return variants
    .filter(({ bytes }) => bytes <= limitBytes)
    .map(({ change, words, bytes }) => ({
      message: `${words.charAt(0).toUpperCase()}${words.slice(1)}: that needs ${formatBytes(bytes)} of memory.`,
      settings: change,
    }));
}

/** The variants whose largest tensor a device takes in a buffer, each in a sentence. */
export function bufferAdvice(
  variants: readonly (SmallerVariant & { readonly bytes: number })[],
  limitBytes: number,
): Advice[] {
  return variants
    .filter(({ bytes }) => bytes <= limitBytes)
    .map(({ change, words, bytes }) => ({
      message: `${words.charAt(0).toUpperCase()}${words.slice(1)}: the largest tensor then takes ${formatBytes(bytes)}.`,
      settings: change,
    }));
}

/** The subject of a sentence about a tensor that is too large, and its size. */
export function describeTensor({ name, shape, bytes }: LargeTensor): string {
  return `the tensor "${name}" [${shape.join(', ')}] takes ${formatBytes(bytes)}`;
}
