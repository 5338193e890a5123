import type { EncodedPrompts } from '../families/encoded-prompt.ts';
import type { LatentSize } from '../families/family.ts';
import type { Framing } from '../images/picture-size.ts';

/** One encoded picture and the prompt that goes with it. */
export interface DatasetItem {
  /** x₀, scaled as the UNet takes it: float32 [C, h, w]. */
  readonly latents: Float32Array;
  readonly size: LatentSize;
  readonly prompt: string;
  /** How it was made of a given picture; null where it was drawn as it is. */
  readonly framing: Framing | null;
}

/** Everything that training draws from; made once, before the first step. */
export interface Dataset {
  /** Pictures to forget; `anchors` names for each prompt what it is steered to. */
  readonly forget: readonly DatasetItem[];
  readonly retain: readonly DatasetItem[];
  readonly anchors: ReadonlyMap<string, string>;
  readonly prompts: EncodedPrompts;
}

/**
 * The anchor of each picture to forget.
 *
 * @throws RangeError where one has none
 */
export function anchorsOf(
  { anchors }: Pick<Dataset, 'anchors'>,
  items: readonly DatasetItem[],
): string[] {
  return items.map(({ prompt }) => {
    const anchor = anchors.get(prompt);
    if (anchor === undefined) throw new RangeError(`no anchor is known for "${prompt}"`);
    return anchor;
  });
}
