import type { ParameterGroup } from '../family.ts';

const isAttention = (key: string) => key.includes('.attentions.');
const isOutputOrTime = (key: string) =>
  /^(conv_out|conv_norm_out|time_embedding|class_embedding)\./.test(key);

/**
 * Which tensors training changes, by the sets of Gandikota et al. 2023 (ESD). Nothing is looked up here with
 * a prompt, so the sets of cross-attention are empty, and all attention is of pictures to themselves.
 */
const predicates: Readonly<Record<ParameterGroup, (key: string) => boolean>> = {
  full: () => true,
  xattn: () => false,
  'xattn-strict': () => false,
  selfattn: isAttention,
  noxattn: (key) => !isOutputOrTime(key),
  notime: (key) => !isOutputOrTime(key),
};

/** Names of a checkpoint's tensors that belong to the set, in the order of the file. */
export function trainedNames(names: Iterable<string>, set: ParameterGroup): string[] {
  return [...names].filter(predicates[set]);
}
