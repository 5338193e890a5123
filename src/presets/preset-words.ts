import type { PromptStyle } from '../drawing/prompt-style.ts';
import { isTagList } from '../drawing/tags/tag-list.ts';
import { writeTag } from '../drawing/tags/tag.ts';
import { fillTemplate } from '../erase/fill-template.ts';

/** What a preset says of the two sets. */
export interface PresetWords {
  readonly forget: readonly string[];
  readonly retain: readonly string[];
  readonly anchor?: string | undefined;
  /** Further wordings, which are measured by and never trained on. */
  readonly heldBack?: readonly string[] | undefined;
}

/** Prompts of a preset for models that are asked in tags, where variables are tags too. */
export function fillTags(
  { forget, retain, anchor, heldBack }: PresetWords,
  valueOf: (variable: string) => string,
): { forget: string[]; retain: string[]; anchor?: string; heldBack?: string[] } {
  const fill = (template: string) =>
    fillTemplate(template, (variable) => {
      const value = valueOf(variable).trim();
      // What is written as a tag, or several, stays as it is.
      return isTagList(value) ? value : writeTag(value, { underscores: false });
    });
  return {
    ...{ forget: forget.map(fill), retain: retain.map(fill) },
    ...(anchor !== undefined && { anchor: fill(anchor) }),
    ...(heldBack && { heldBack: heldBack.map(fill) }),
  };
}

/** The words of a preset in the form in which the model is asked. */
export function wordsOfPreset(
  {
    forget,
    retain,
    anchor,
    heldBack,
    tags,
  }: PresetWords & { readonly tags?: PresetWords | undefined },
  style: PromptStyle,
): PresetWords {
  return style === 'tags' && tags ? tags : { forget, retain, anchor, heldBack };
}
