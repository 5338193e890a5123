import type { BatchPlace, BatchSource } from '../../training/batch-source.ts';
import type { EraseDiffSettings } from './settings.ts';
import type { ForgetBatch } from './step.ts';

/** Pictures to forget, noised, and what their predictions are steered to. */
export function forgetBatch(
  source: BatchSource,
  target: EraseDiffSettings['target'],
  { role, ...place }: BatchPlace & { readonly role: 'forget' | 'inner' },
): ForgetBatch {
  const { dataset } = source;
  const { items, generator, noise, batch } = source.draw(role, place, 'forget');
  if (target.kind === 'uniform') {
    return { ...batch, steerTo: { kind: 'values', values: generator.uniform(noise.length) } };
  }
  const anchors = items.map(({ prompt }) => {
    const anchor = dataset.anchors.get(prompt);
    if (anchor === undefined) throw new RangeError(`no anchor is known for "${prompt}"`);
    return anchor;
  });
  return { ...batch, steerTo: { kind: 'anchor', prompts: source.encoded(anchors) } };
}
