import type { SteeredBatch } from '../../descent/steering.ts';
import type { BatchPlace, BatchSource } from '../../training/batch-source.ts';
import { anchorsOf } from '../../training/dataset.ts';
import { elementAt } from '../../element-at.ts';
import type { EraseDiffSettings } from './settings.ts';

/**
 * Pictures to forget, noised, and what their predictions are steered to.
 *
 * @param kept prompts that may be anchors
 */
export function forgetBatch(
  source: BatchSource,
  { target, anchors: choice }: Pick<EraseDiffSettings, 'target' | 'anchors'>,
  kept: readonly string[],
  { role, ...place }: BatchPlace & { readonly role: 'forget' | 'inner' },
): SteeredBatch {
  const { items, isHeld, generator, noise, batch } = source.draw(role, place, 'forget');
  if (target.kind === 'uniform') {
    return { ...batch, steerTo: { kind: 'values', values: generator.uniform(noise.length) } };
  }
  if (choice === 'kept') {
    const drawn = generator.randomIntegers(items.length, 0, kept.length);
    const prompts = source.encoded([...drawn].map((index) => elementAt(kept, index)));
    return { ...batch, steerTo: { kind: 'anchor', prompts } };
  }
  return {
    ...batch,
    ...(isHeld.includes(true) && { isHeld }),
    steerTo: { kind: 'anchor', prompts: source.encoded(anchorsOf(source.dataset, items)) },
  };
}
