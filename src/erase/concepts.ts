import { z } from 'zod';

import { elementAt } from '../element-at.ts';

/** One of several things that a job forgets. */
export const jobConceptSchema = z.object({
  /** What people call it. */
  name: z.string(),
  /** Those of the job's prompts to forget that are its own. */
  prompts: z.array(z.string()).min(1),
  /** Those of the job's kept prompts that were named as its neighbours. */
  neighbours: z.array(z.string()).default([]),
  /** Folder of pictures of it; null where there are none. */
  images: z.string().nullable().default(null),
});
export type JobConcept = z.infer<typeof jobConceptSchema>;

/** What all keep, beside the neighbours of single concepts; all that is kept where that is nothing. */
export function keptByAll(
  retain: readonly string[],
  concepts: readonly { readonly neighbours: readonly string[] }[],
): readonly string[] {
  const neighbours = new Set(concepts.flatMap((one) => one.neighbours));
  const shared = retain.filter((prompt) => !neighbours.has(prompt));
  return shared.length > 0 ? shared : retain;
}

/** Items of prompts in a list for each concept; all in one list where a job knows no concepts. */
export function byConcept<T extends { readonly prompt: string }>(
  items: readonly T[],
  concepts: readonly { readonly prompts: readonly string[] }[],
): (readonly T[])[] {
  if (concepts.length === 0) return [items];
  return concepts.map(({ prompts }) => {
    const own = new Set(prompts);
    return items.filter(({ prompt }) => own.has(prompt));
  });
}

/** Each list's items in turn, from the beginning again where one ends: the i-th of an endless series. */
export function inTurn<T>(lists: readonly (readonly T[])[], i: number): T {
  const list = elementAt(lists, i % lists.length);
  return elementAt(list, Math.floor(i / lists.length) % list.length);
}

/** So many names are told one by one. */
const mostNames = 3;

/** What a job of several concepts is called; undefined of none. */
export function titleOfConcepts(names: readonly string[]): string | undefined {
  if (names.length === 0) return undefined;
  const shown = names.slice(0, names.length > mostNames ? 1 : mostNames);
  const more = names.length - shown.length;
  const all = more > 0 ? [...shown, `${more} more`] : shown;
  return all.length === 1
    ? elementAt(all, 0)
    : `${all.slice(0, -1).join(', ')} and ${elementAt(all, all.length - 1)}`;
}
