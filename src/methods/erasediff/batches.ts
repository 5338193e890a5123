import type { BatchSource } from '../../training/batch-source.ts';
import type { EraseDiffSettings } from './settings.ts';
import type { ForgetBatch } from './step.ts';

/**
 * Pictures to forget, noised, and what their predictions are steered to.
 *
 * @param index counts the batches of its role from the start of the run
 */
export function forgetBatch(
  source: BatchSource,
  target: EraseDiffSettings['target'],
  { role, index }: { readonly role: 'forget' | 'inner'; readonly index: number },
): ForgetBatch {
  const { dataset } = source;
  const { items, generator, noise, batch } = source.draw(role, index, dataset.forget);
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
