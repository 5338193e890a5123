import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { nativeSize } from '../checkpoint/image-size.ts';
import { defaultOptimizers } from '../erase/default-settings.ts';
import type { EraseSettings } from '../erase/job.ts';
import { formatBytes } from '../format-bytes.ts';

/** What would make a job fit, ready to be shown. */
export interface Advice {
  readonly message: string;
  readonly settings: Partial<EraseSettings>;
}

/** In pixels; pictures are of no use below the last, unless the model was made for less. */
const SMALLER_SIZES = [512, 256];

/** Changes that need less memory, the mildest first; each on its own, then all together. */
export function smallerVariants(
  checkpoint: Checkpoint,
  { batch, innerSteps, innerOptimizer, train, size }: EraseSettings,
): Partial<EraseSettings>[] {
  const single: Partial<EraseSettings>[] = [];
  if (batch > 1) single.push({ batch: 1 });
  if (innerSteps > 0 && innerOptimizer.kind !== 'sgd') {
    single.push({ innerOptimizer: defaultOptimizers.sgd });
  }
  if (train !== 'xattn' && train !== 'xattn-strict') single.push({ train: 'xattn' });
  if (train !== 'xattn-strict') single.push({ train: 'xattn-strict' });
  const sizes = new Set(SMALLER_SIZES.map((smaller) => Math.min(smaller, nativeSize(checkpoint))));
  for (const smaller of sizes) if (size > smaller) single.push({ size: smaller });
  const all = Object.assign({}, ...single) as Partial<EraseSettings>;
  return Object.keys(all).length > 1 ? [...single, all] : single;
}

/** The changes that bring a job with these settings below a bound, each in a sentence. */
export function fittingAdvice(
  settings: EraseSettings,
  changes: readonly { readonly change: Partial<EraseSettings>; readonly bytes: number }[],
  limitBytes: number,
): Advice[] {
  return changes
    .filter(({ bytes }) => bytes <= limitBytes)
    .map(({ change, bytes }) => ({
      message: describe(change, settings, bytes),
      settings: change,
    }));
}

function describe(change: Partial<EraseSettings>, { size }: EraseSettings, bytes: number): string {
  const parts = [
    change.size !== undefined && `train at ${change.size} instead of ${size} pixels`,
    change.batch !== undefined && 'train with a batch of 1',
    change.innerOptimizer !== undefined && 'take the inner steps with plain SGD',
    change.train === 'xattn' && 'train the cross-attention only',
    change.train === 'xattn-strict' &&
      'train only the keys and values of the cross-attention (xattn-strict)',
  ].filter((part) => part !== false);
  const sentence = parts.join(', ');
  return `${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}: that needs ${formatBytes(bytes)} of memory.`;
}
