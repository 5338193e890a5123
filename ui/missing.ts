import { computed } from '@preact/signals';

import { findMethod } from '../src/methods/registry.ts';
import { learnedWords, vaeFor } from './companions.ts';
import {
  asks,
  chosenModel,
  chosenPreset,
  forgetText,
  form,
  method,
  toLines,
  variableValues,
} from './form.ts';

/** Why it cannot do without pictures to forget; null where it can. */
const needsPictures = computed<string | null>(() => {
  const preset = chosenPreset.value;
  if (preset?.needsImages === true) {
    return `“${preset.title}” needs pictures to forget: add them below.`;
  }
  if (asks.value === 'nothing') return 'The model reads no prompts: add pictures to forget below.';
  const { forgets, words } = findMethod(method.value);
  return forgets === 'pictures'
    ? `${words.name} forgets the very pictures that it is given: add them below.`
    : null;
});

/** Whether the person has said what the model predicts. */
export const isPredictionChosen = computed(() => (form.settings.value.prediction ?? null) !== null);

/** What the person must still say of the model; null for nothing. */
const needsOfModel = computed<string | null>(() => {
  const model = chosenModel.value;
  if (model === undefined) return 'Choose a model.';
  if (!model.hasVae && vaeFor(model) === null) return 'Choose a VAE.';
  return model.predictionProblem !== null && !isPredictionChosen.value
    ? 'Say what the model predicts, in the advanced settings.'
    : null;
});

/** Why the judge that was chosen cannot judge yet; null where it can. */
const needsClasses = computed<string | null>(() =>
  form.judges.value.some(({ classes }) => classes.length === 0)
    ? 'Choose what the judge looks for, in the advanced settings.'
    : null,
);

/** Whether anything says what to forget: words, captions, or pictures alone where nothing is asked for. */
const isConceptSaid = computed<boolean>(
  () =>
    asks.value === 'nothing' ||
    toLines(forgetText.value).length > 0 ||
    form.forgetPictures.value.some(({ caption }) => caption.trim() !== '') ||
    learnedWords.value.length > 0,
);

/** What must be filled in before anything can start. */
export const missing = computed<string | null>(() => {
  if (needsOfModel.value !== null) return needsOfModel.value;
  const preset = chosenPreset.value;
  for (const [name, { description }] of Object.entries(preset?.variables ?? {})) {
    if ((variableValues.value[name] ?? '').trim() === '') return `Fill in ${description}.`;
  }
  const pictures = form.forgetPictures.value;
  if (pictures.length === 0 && needsPictures.value !== null) return needsPictures.value;
  if (!isConceptSaid.value) {
    return 'Say what to forget: choose a preset, write prompts, or drop pictures with captions.';
  }
  return needsClasses.value;
});
