import { computed, effect } from '@preact/signals';

import type { PresetConcept } from '../src/presets/preset-words.ts';
import { api } from './api.ts';
import { concepts, isListEdited, showList } from './concepts.ts';
import {
  chosenModel,
  drawing,
  estimate,
  estimateError,
  forgetText,
  form,
  presetWords,
  suggestions,
} from './form.ts';
import { toLines } from './lines.ts';
import { jobRequest } from './job-request.ts';
import { messageOf } from './state.ts';

interface ShownList {
  readonly list: readonly PresetConcept[];
  readonly anchor: string;
}

/** The list of the chosen preset, filled in as far as its variables are. */
const presetList = computed(() => {
  const { concepts: list, anchor = '' } = presetWords.value ?? {};
  return list && JSON.stringify({ preset: form.preset.value, list, anchor });
});

/**
 * Shows the list of a preset, until it is changed by hand; asks for suggestions and an estimate whenever the
 * form has come to rest.
 */
export function followForm(): void {
  effect(() => {
    if (presetList.value === undefined || isListEdited.peek()) return;
    const { list, anchor } = JSON.parse(presetList.value) as ShownList;
    showList(list, anchor);
  });
  askWhenAtRest(
    () => {
      const listed = concepts.value.map((one) => one.forget).join('\n');
      const forget = toLines(concepts.value.length > 0 ? listed : forgetText.value);
      const model = chosenModel.value?.name;
      if (model === undefined || forget.length === 0 || presetWords.value !== null) return null;
      const concept = form.concept.value?.trim() ?? '';
      const { promptStyle } = drawing.value.draws;
      return { model, forget, promptStyle, ...(concept !== '' && { concept }) };
    },
    async (body, signal) => (suggestions.value = await api.suggestions(body, signal)),
    () => (suggestions.value = null),
  );
  askWhenAtRest(
    () => jobRequest.value,
    async (body, signal) => {
      estimate.value = await api.estimate(body, signal);
      estimateError.value = null;
    },
    (error) => {
      estimate.value = null;
      estimateError.value = error === null ? null : messageOf(error);
    },
  );
}

/** Long enough that a word is typed to its end. */
const restMs = 500;

/**
 * @param question read anew whenever what it depends on changes; null for none
 * @param none called where there is no question, or no answer to it
 */
function askWhenAtRest<T>(
  question: () => T | null,
  ask: (question: T, signal: AbortSignal) => Promise<unknown>,
  none: (error: unknown) => void,
): void {
  const asked = computed(() => JSON.stringify(question()));
  effect(() => {
    const body = JSON.parse(asked.value) as T | null;
    const controller = new AbortController();
    if (body === null) {
      none(null);
      return undefined;
    }
    const timer = setTimeout(() => {
      ask(body, controller.signal).catch((error: unknown) => {
        if (!controller.signal.aborted) none(error);
      });
    }, restMs);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  });
}
