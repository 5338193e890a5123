import type { PromptStyle } from '../drawing/prompt-style.ts';
import { isTagList } from '../drawing/tags/tag-list.ts';
import { writeTag } from '../drawing/tags/tag.ts';
import { fillTemplate } from '../erase/fill-template.ts';

/** What a preset says of the two sets. */
export interface PresetWords {
  /** Empty where `concepts` say it. */
  readonly forget: readonly string[];
  readonly retain: readonly string[];
  readonly anchor?: string | undefined;
  /** Further wordings, which are measured by and never trained on. */
  readonly heldBack?: readonly string[] | undefined;
  readonly concepts?: readonly PresetConcept[] | undefined;
}

/** One of several concepts that a preset forgets. */
export interface PresetConcept {
  readonly name: string;
  readonly forget: readonly string[];
  readonly anchor?: string | undefined;
  readonly neighbours?: readonly string[] | undefined;
}

/** Every text of them. */
export function textsOf({ anchor = '', heldBack = [], concepts = [], ...words }: PresetWords) {
  const listed = concepts.flatMap((one) => [one.name, one.anchor ?? '', ...trainedLines(one)]);
  return [anchor, ...words.forget, ...words.retain, ...heldBack, ...listed];
}

/** The lines of a concept that a model is trained on. */
export function trainedLines({ forget, neighbours = [] }: PresetConcept): string[] {
  return [...forget, ...neighbours];
}

/** The same words with each text filled in. */
export function fillWords(
  { forget, retain, anchor, heldBack, concepts }: PresetWords,
  fill: (text: string) => string,
) {
  return {
    ...{ forget: forget.map(fill), retain: retain.map(fill) },
    ...(anchor !== undefined && { anchor: fill(anchor) }),
    ...(heldBack && { heldBack: heldBack.map(fill) }),
    ...(concepts && { concepts: concepts.map((one) => fillConcept(one, fill)) }),
  };
}

function fillConcept(
  { name, forget, anchor, neighbours }: PresetConcept,
  fill: (text: string) => string,
) {
  return {
    ...{ name: fill(name), forget: forget.map(fill) },
    ...(anchor !== undefined && { anchor: fill(anchor) }),
    ...(neighbours && { neighbours: neighbours.map(fill) }),
  };
}

/** Words of a preset for models that are asked in tags, where variables are tags too. */
export function fillTags(words: PresetWords, valueOf: (variable: string) => string) {
  return fillWords(words, (template) =>
    fillTemplate(template, (variable) => {
      const value = valueOf(variable).trim();
      // What is written as a tag, or several, stays as it is.
      return isTagList(value) ? value : writeTag(value, { underscores: false });
    }),
  );
}

/** The words of a preset in the form in which the model is asked. */
export function wordsOfPreset(
  { tags, ...words }: PresetWords & { readonly tags?: PresetWords | undefined },
  style: PromptStyle,
): PresetWords {
  if (style === 'tags' && tags) return tags;
  const { forget, retain, anchor, heldBack, concepts } = words;
  return { forget, retain, anchor, heldBack, concepts };
}
