import type { SteeredBatch } from '../../descent/steering.ts';
import type { BatchPlace, BatchSource } from '../../training/batch-source.ts';
import { anchorsOf } from '../../training/dataset.ts';
import type { EraseDiffSettings } from './settings.ts';

/** Pictures to forget, noised, and what their predictions are steered to. */
export function forgetBatch(
  source: BatchSource,
  target: EraseDiffSettings['target'],
  { role, ...place }: BatchPlace & { readonly role: 'forget' | 'inner' },
): SteeredBatch {
  const { items, generator, noise, batch } = source.draw(role, place, 'forget');
  if (target.kind === 'uniform') {
    return { ...batch, steerTo: { kind: 'values', values: generator.uniform(noise.length) } };
  }
  return {
    ...batch,
    steerTo: { kind: 'anchor', prompts: source.encoded(anchorsOf(source.dataset, items)) },
  };
}
