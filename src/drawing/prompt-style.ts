import * as z from 'zod';

import { areTags, isTagList, mayBeTags } from './tags/tag-list.ts';

/** How a model is asked: in sentences, or in a list of tags as image boards have them. */
export const promptStyles = ['sentences', 'tags'] as const;
export type PromptStyle = (typeof promptStyles)[number];

export const promptStyleTitles: Readonly<Record<PromptStyle, string>> = {
  sentences: 'Sentences: a painting in the style of Monet',
  tags: 'Tags: 1girl, solo, blue hair',
};

/** What the words of a person's prompts say of it; undefined where they say nothing. */
export function styleOfPrompts(prompts: readonly string[]): PromptStyle | undefined {
  return areTags(prompts) ? 'tags' : undefined;
}

/** By folders of pictures, how often each part of their captions between two commas comes. */
const frequencySchema = z.record(z.string(), z.record(z.string(), z.number()));
/** As many of them are looked at: metadata may list hundreds of thousands. */
const mostCaptions = 5000;

/**
 * What kohya's trainers note of the captions that they trained with (`ss_tag_frequency`): undefined where
 * they are neither clearly tags nor clearly sentences, as the words of a few names.
 */
export function styleOfTagFrequency(text: string | undefined): PromptStyle | undefined {
  const { data } = frequencySchema.safeParse(parseJson(text));
  if (data === undefined) return undefined;
  const parts = Object.values(data)
    .flatMap((captions) => Object.entries(captions))
    .slice(0, mostCaptions);
  const countOf = (holds: (part: string) => boolean) =>
    parts.reduce((sum, [part, count]) => (holds(part) ? sum + count : sum), 0);
  const total = countOf(() => true);
  if (2 * countOf((part) => !mayBeTags(part)) > total) return 'sentences';
  return 10 * countOf(isTagList) >= total && total > 0 ? 'tags' : undefined;
}

function parseJson(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
}
