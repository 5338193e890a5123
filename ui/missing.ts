import { computed } from '@preact/signals';

import { findMethod } from '../src/methods/registry.ts';
import { areConceptsSaid, concepts } from './concepts.ts';
import { learnedWords, vaeFor } from './companions.ts';
import {
  asks,
  chosenModel,
  chosenPreset,
  forgetText,
  form,
  method,
  variableValues,
} from './form.ts';
import { toLines } from './lines.ts';
import { told } from './languages/told.ts';
import { t } from './languages/words.ts';

/** Why it cannot do without pictures to forget; null where it can. */
const needsPictures = computed<string | null>(() => {
  const preset = chosenPreset.value;
  if (preset?.needsImages === true) {
    return t('“{preset}” needs pictures to forget: add them below.', {
      preset: told(preset.title),
    });
  }
  if (asks.value === 'nothing')
    return t('The model reads no prompts: add pictures to forget below.');
  const { forgets, words } = findMethod(method.value);
  return forgets === 'pictures'
    ? t('{method} forgets the very pictures that it is given: add them below.', {
        method: words.name,
      })
    : null;
});

/** Whether the person has said what the model predicts. */
export const isPredictionChosen = computed(() => (form.settings.value.prediction ?? null) !== null);

/** What the person must still say of the model; null for nothing. */
const needsOfModel = computed<string | null>(() => {
  const model = chosenModel.value;
  if (model === undefined) return t('Choose a model.');
  if (!model.hasVae && vaeFor(model) === null) return t('Choose a VAE.');
  return model.predictionProblem !== null && !isPredictionChosen.value
    ? t('Say what the model predicts, in the advanced settings.')
    : null;
});

/** Why the judge that was chosen cannot judge yet; null where it can. */
const needsClasses = computed<string | null>(() =>
  form.judges.value.some(({ classes }) => classes.length === 0)
    ? t('Choose what the judge looks for, in the advanced settings.')
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

/** What single concepts of a list lack. */
const needsOfList = computed<string | null>(() => {
  const isBare = concepts.value.some(({ pictures }) => pictures.value.length === 0);
  if (isBare && needsPictures.value !== null) return needsPictures.value;
  return areConceptsSaid.value
    ? null
    : t('Give each concept a name, and a prompt or pictures with captions.');
});

/** What must be filled in before anything can start. */
export const missing = computed<string | null>(() => {
  if (needsOfModel.value !== null) return needsOfModel.value;
  const preset = chosenPreset.value;
  for (const [name, { description }] of Object.entries(preset?.variables ?? {})) {
    if ((variableValues.value[name] ?? '').trim() === '')
      return t('Fill in {what}.', { what: told(description) });
  }
  if (concepts.value.length > 0) return needsOfList.value ?? needsClasses.value;
  const pictures = form.forgetPictures.value;
  if (pictures.length === 0 && needsPictures.value !== null) return needsPictures.value;
  if (!isConceptSaid.value) {
    return t('Say what to forget: choose a preset, write prompts, or drop pictures with captions.');
  }
  return needsClasses.value;
});
