import { computed, type Signal, signal } from '@preact/signals';

import type { JobView } from '../src/contract/job-views.ts';
import type { JobRequest } from '../src/contract/requests.ts';
import { byConcept } from '../src/erase/concepts.ts';
import { formatForgetLine } from '../src/erase/forget-lines.ts';
import type { PresetConcept } from '../src/presets/preset-words.ts';
import { toLines } from './lines.ts';
import { captionsOf, type Picture, revokePictures, sizesOf } from './picture.ts';

/** One of several concepts, as it is written in the page. */
export interface ConceptDraft {
  /** Tells the cards apart. */
  readonly key: number;
  readonly name: string;
  /** One prompt a line, here and below. */
  readonly forget: string;
  /** Empty: each prompt without the concept. */
  readonly anchor: string;
  readonly neighbours: string;
  /** Of it; the model draws it where there are none. */
  readonly pictures: Signal<readonly Picture[]>;
}

/** Several things to forget; none where the page asks for one. */
export const concepts = signal<readonly ConceptDraft[]>([]);

/** Whether the texts of the list are no longer as its preset has them. */
const isRewritten = signal(false);

/** Whether the list says something else than the preset that it came from, or came from none. */
export const isListEdited = computed(
  () => isRewritten.value || concepts.value.some(({ pictures }) => pictures.value.length > 0),
);

let lastKey = 0;
const emptyDraft = (): ConceptDraft => ({
  ...{ key: (lastKey += 1), name: '', forget: '', anchor: '', neighbours: '' },
  pictures: signal([]),
});

/** Makes a list of what was written of one concept. */
export function beginList(
  first: Pick<ConceptDraft, 'name' | 'forget' | 'anchor'>,
  pictures: readonly Picture[],
): void {
  concepts.value = [{ ...emptyDraft(), ...first, pictures: signal(pictures) }, emptyDraft()];
}

/**
 * Shows the list of a preset.
 *
 * @param anchor of those that have none of their own
 */
export function showList(list: readonly PresetConcept[], anchor: string): void {
  isRewritten.value = false;
  concepts.value = list.map(({ neighbours = [], ...one }) => ({
    ...emptyDraft(),
    ...{ name: one.name, forget: one.forget.join('\n'), anchor: one.anchor ?? anchor },
    neighbours: neighbours.join('\n'),
  }));
}

/** Shows the list of a job; its pictures are no longer here. */
export function showListOf({ concepts: list, forget }: Pick<JobView, 'concepts' | 'forget'>): void {
  const forgotten = byConcept(forget, list);
  const drafts = list.map(({ name, neighbours }, i) => {
    const lines = forgotten[i] ?? [];
    const anchor = commonAnchor(lines);
    const written = lines.map((line) => (anchor === null ? formatForgetLine(line) : line.prompt));
    return { name, forget: written, anchor: anchor ?? '', neighbours };
  });
  showList(drafts, '');
}

/** What all lines are steered to; null where they are not to one. */
export function commonAnchor(lines: JobView['forget']): string | null {
  const [first, ...others] = new Set(lines.map(({ anchor }) => anchor));
  return first === undefined || others.length > 0 ? null : first;
}

/** Goes back to one concept, with nothing left of the list. */
export function clearList(): void {
  for (const { pictures } of concepts.value) revokePictures(pictures.value);
  isRewritten.value = false;
  concepts.value = [];
}

export function addConcept(): void {
  isRewritten.value = true;
  concepts.value = [...concepts.value, emptyDraft()];
}

export function changeConcept(key: number, change: Partial<ConceptDraft>): void {
  isRewritten.value = true;
  concepts.value = concepts.value.map((one) => (one.key === key ? { ...one, ...change } : one));
}

export function removeConcept(key: number): void {
  isRewritten.value = true;
  for (const one of concepts.value) if (one.key === key) revokePictures(one.pictures.value);
  concepts.value = concepts.value.filter((one) => one.key !== key);
}

/** Whether each has what it cannot go without. */
export const areConceptsSaid = computed(() =>
  concepts.value.every(
    ({ name, forget, pictures }) =>
      name.trim() !== '' &&
      toLines(forget).length + Object.keys(captionsOf(pictures.value)).length > 0,
  ),
);

/** The list as a job has it. */
export const conceptRequest = computed<NonNullable<JobRequest['concepts']>>(() =>
  concepts.value.map(({ name, forget, anchor, neighbours, pictures }) => ({
    ...{ name: name.trim(), forget: toLines(forget), neighbours: toLines(neighbours) },
    ...(pictures.value.length > 0 && {
      captions: captionsOf(pictures.value),
      pictureSizes: sizesOf(pictures.value),
    }),
    ...(anchor.trim() !== '' && { anchor: anchor.trim() }),
  })),
);
