import { computed } from '@preact/signals';

import type { JobRequest } from '../src/contract/requests.ts';
import { formatForgetLine } from '../src/erase/forget-lines.ts';
import { conceptRequest, isListEdited } from './concepts.ts';
import { companionRequest } from './companions.ts';
import {
  anchorText,
  chosenModel,
  chosenPreset,
  conceptText,
  forgetText,
  form,
  promptOf,
  retainText,
  variableValues,
} from './form.ts';
import { toLines } from './lines.ts';
import { missing } from './missing.ts';
import { captionsOf, sizesOf } from './picture.ts';
import { canHostDraw } from './state.ts';

/** The job as it stands; null while something is missing. */
export const jobRequest = computed<JobRequest | null>(() => {
  const model = chosenModel.value;
  if (model === undefined || missing.value !== null) return null;
  const preset = chosenPreset.value;
  const own = changedAnchors();
  const isEdited = form.forget.value !== null || own.size > 0;
  const anchor = (isEdited ? anchorText.value : (form.anchor.value ?? '')).trim();
  const concept = (isEdited ? conceptText.value : (form.concept.value ?? '')).trim();
  // What is as the preset has it is left to the preset, whose anchor and concept go with its words.
  const lines = (text: string, isOwn: boolean) => (isOwn || !preset ? toLines(text) : []);
  return {
    ...{ model: model.name, ...companionRequest(model) },
    ...(preset && { preset: preset.name, variables: variableValues.value }),
    ...said(withAnchors(lines(forgetText.value, isEdited), own)),
    retain: lines(retainText.value, form.retain.value !== null),
    ...(anchor !== '' && { anchor }),
    ...(concept !== '' && { concept }),
    settings: form.settings.value,
    judges: form.judges.value,
    device: form.device.value,
    // What was chosen where there was a web UI means nothing without one.
    ...(canHostDraw.value && { pictures: form.pictures.value }),
    captions: {
      forget: captionsOf(form.forgetPictures.value),
      retain: captionsOf(form.retainPictures.value),
    },
    pictureSizes: {
      forget: sizesOf(form.forgetPictures.value),
      retain: sizesOf(form.retainPictures.value),
    },
  };
});

/** What is to be forgotten: the list of concepts where there is one, else these lines. */
function said(forget: string[]): Pick<JobRequest, 'concepts' | 'forget'> {
  const concepts = conceptRequest.value;
  if (concepts.length === 0) return { forget };
  const isOfPreset = chosenPreset.value !== undefined && !isListEdited.value;
  return isOfPreset ? {} : { concepts: [...concepts] };
}

/** Lines with the anchors that were changed; a caption whose anchor was becomes a line too. */
function withAnchors(lines: readonly string[], changed: ReadonlyMap<string, string>): string[] {
  const byPrompt = new Map(lines.map((line) => [promptOf(line), line]));
  for (const [prompt, anchor] of changed) {
    byPrompt.set(prompt, formatForgetLine({ prompt, anchor }));
  }
  return [...byPrompt.values()];
}

/** Anchors that were changed one by one, of prompts and captions that are still there. */
function changedAnchors(): ReadonlyMap<string, string> {
  const captions = Object.values(captionsOf(form.forgetPictures.value));
  const prompts = new Set([...toLines(forgetText.value).map(promptOf), ...captions]);
  const changed = Object.entries(form.anchors.value).map(
    ([prompt, anchor]) => [prompt, anchor.trim()] as const,
  );
  return new Map(changed.filter(([prompt, anchor]) => anchor !== '' && prompts.has(prompt)));
}
