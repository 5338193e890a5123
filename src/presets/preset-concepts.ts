import { z } from 'zod';

import type { PresetWords } from './preset-words.ts';

/** As many as a list of concepts may have. */
const MAX_CONCEPTS = 200;
const text = z.string().trim().min(1);
const prompts = z.array(text).min(1).max(1000);

/** Several things to forget, in the place of `forget`. */
export const presetConceptsSchema = z
  .array(
    z.strictObject({
      /** What it is called; of use for its anchors where its prompts hold it. */
      name: text.max(200),
      /** Each a prompt, or `prompt => anchor`. */
      forget: prompts,
      /** What all its prompts are steered to. Default: the preset's, else each without the concept. */
      anchor: text.optional(),
      /** What is like it and shall stay, beside what all keep. */
      neighbours: prompts.optional(),
    }),
  )
  .min(1)
  .max(MAX_CONCEPTS);

/** What a preset says of what to forget. */
interface SaidToForget extends PresetWords {
  readonly concept?: string | undefined;
  readonly images?: object | undefined;
  readonly tags?: PresetWords | undefined;
}

/** What is wrong with what a preset forgets, prompts or a list, and where; undefined where nothing is. */
export function faultOfForgotten(preset: SaidToForget): string | undefined {
  const { tags, concepts, concept, images } = preset;
  const fault = faultOfWords(preset, '') ?? (tags && faultOfWords(tags, 'tags.'));
  if (fault !== undefined) return fault;
  if (tags && (tags.concepts === undefined) !== (concepts === undefined)) {
    return 'both have a list or none has → at tags.concepts';
  }
  if (concepts === undefined) return undefined;
  if (concept !== undefined) return 'the names in concepts say it, leave it out → at concept';
  return images && 'pictures of a list are given with it, leave it out → at images';
}

function faultOfWords({ forget, concepts }: PresetWords, at: string): string | undefined {
  if (concepts === undefined) {
    if (forget.length > 0) return undefined;
    return `It is missing: give prompts, or a list under concepts → at ${at}forget`;
  }
  if (forget.length > 0) return `make it an entry of concepts, or leave these out → at ${at}forget`;
  const places = new Map<string, number>();
  for (const [i, { name }] of concepts.entries()) {
    const first = places.get(name.toLowerCase());
    if (first !== undefined) {
      return `"${name}" is the name of concepts[${first}] too → at ${at}concepts[${i}].name`;
    }
    places.set(name.toLowerCase(), i);
  }
  return undefined;
}
