import type { ParameterGroup } from '../family.ts';
import { UNET_PREFIX } from './layout/unet-layout.ts';

/**
 * Which UNet tensors training changes, as Gandikota et al. 2023 (ESD) name the sets and the
 * published EraseDiff code takes them over.
 */
const predicates: Readonly<Record<ParameterGroup, (key: string) => boolean>> = {
  full: () => true,
  /** cross-attention: what the prompt is looked up with */
  xattn: (key) => key.includes('.attn2.'),
  /** of it what is made of the prompt alone: keys and values */
  'xattn-strict': (key) => /\.attn2\.to_[kv]\./.test(key),
  selfattn: (key) => key.includes('.attn1.'),
  noxattn: (key) => !key.includes('.attn2.') && !isOutputOrTime(key),
  notime: (key) => !isOutputOrTime(key),
};

function isOutputOrTime(key: string): boolean {
  return key.startsWith('out.') || key.startsWith('time_embed.');
}

/** Names of a checkpoint's tensors that belong to the set, in the order of the file. */
export function trainedNames(names: Iterable<string>, set: ParameterGroup): string[] {
  return [...names].filter(
    (name) => name.startsWith(UNET_PREFIX) && predicates[set](name.slice(UNET_PREFIX.length)),
  );
}
