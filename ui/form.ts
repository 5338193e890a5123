import { batch, computed, signal } from '@preact/signals';

import type { Estimate, Suggestions } from '../src/contract/estimate.ts';
import type { JobView } from '../src/contract/job-views.ts';
import type { JobRequest } from '../src/contract/requests.ts';
import type { ModelView, PresetView } from '../src/contract/views.ts';
import type { Drawing } from '../src/drawing/drawing.ts';
import { guessFromPrompts, joinGuesses, noGuess } from '../src/drawing/drawing-guess.ts';
import { keptByAll } from '../src/erase/concepts.ts';
import { fillTemplate } from '../src/erase/fill-template.ts';
import { forgetArrow } from '../src/erase/forget-lines.ts';
import {
  defaultMethod,
  defaultSettings,
  type EraseSettings,
  findMethod,
  hasSetting,
  isShapeWanted,
  trainingOf,
  type MethodId,
  usualModel,
  type WantedSettings,
} from '../src/methods/registry.ts';
import { fillTags, fillWords, wordsOfPreset } from '../src/presets/preset-words.ts';
import { clearCompanions, companions, learnedWords, takeCompanions } from './companions.ts';
import { clearList, commonAnchor, showListOf } from './concepts.ts';
import { toLines } from './lines.ts';
import { type Picture, revokePictures } from './picture.ts';
import { models, presets } from './state.ts';
import { t } from './languages/words.ts';

/**
 * What the person has filled in. Null: not touched, so that it follows the preset or what the model
 * suggests.
 */
export const form = {
  model: signal<string | null>(null),
  preset: signal<string | null>(null),
  variables: signal<Readonly<Record<string, string>>>({}),
  forget: signal<string | null>(null),
  retain: signal<string | null>(null),
  anchor: signal<string | null>(null),
  /** What single prompts become, by prompt, where the person changed it. */
  anchors: signal<Readonly<Record<string, string>>>({}),
  concept: signal<string | null>(null),
  forgetPictures: signal<readonly Picture[]>([]),
  retainPictures: signal<readonly Picture[]>([]),
  settings: signal<WantedSettings>({}),
  /** Classifiers that judge the result; none: those of the preset. */
  judges: signal<NonNullable<JobRequest['judges']>>([]),
  device: signal<NonNullable<JobRequest['device']>>('auto'),
  pictures: signal<NonNullable<JobRequest['pictures']>>('auto'),
};

export const suggestions = signal<Suggestions | null>(null);
export const estimate = signal<Estimate | null>(null);
/** Why there is no estimate: the job, as it stands, would be refused for the same reason. */
export const estimateError = signal<string | null>(null);

export const chosenModel = computed<ModelView | undefined>(() => {
  const usable = (models.value ?? []).filter(({ refusal }) => refusal === null);
  return (
    usable.find(({ name }) => name === form.model.value) ??
    usable.find(({ isActive }) => isActive) ??
    usable.find((model) => model.scrubbed === null && model.predictionProblem === null) ??
    usable[0]
  );
});

export const chosenPreset = computed<PresetView | undefined>(() =>
  presets.value?.find(({ name }) => name === form.preset.value),
);

/** Values of the preset's variables; its only open one takes the words of embeddings. */
export const variableValues = computed<Readonly<Record<string, string>>>(() => {
  const given = form.variables.value;
  const open = Object.keys(chosenPreset.value?.variables ?? {}).filter(
    (name) => (given[name] ?? '').trim() === '',
  );
  const [variable, ...others] = open;
  const isTaken = variable !== undefined && others.length === 0 && learnedWords.value.length > 0;
  return isTaken ? { ...given, [variable]: learnedWords.value.join(' ') } : given;
});

/** The preset's words, with its variables filled in as far as they are. */
export const presetWords = computed(() => {
  const preset = chosenPreset.value;
  if (preset === undefined) return null;
  const values = new Map(Object.entries(variableValues.value));
  const valueOf = (variable: string) => {
    const value = values.get(variable)?.trim() ?? '';
    return value === '' ? `{${variable}}` : value;
  };
  const fill = (template: string) => fillTemplate(template, valueOf);
  const { tags, concept } = preset;
  const { promptStyle } = drawing.value.draws;
  const words = wordsOfPreset({ ...preset, tags: tags && fillTags(tags, valueOf) }, promptStyle);
  const isFilled = promptStyle === 'tags' && tags !== undefined;
  return {
    ...(isFilled ? words : fillWords(words, fill)),
    concept: concept === undefined ? '' : fill(concept),
  };
});

export const forgetText = computed(
  () => form.forget.value ?? presetWords.value?.forget.join('\n') ?? '',
);
/** Whether what is kept follows the model's own suggestions. */
export const isRetainSuggested = computed(
  () => form.retain.value === null && presetWords.value === null && suggestions.value !== null,
);
export const retainText = computed(
  () =>
    form.retain.value ?? (presetWords.value?.retain ?? suggestions.value?.retain ?? []).join('\n'),
);
export const anchorText = computed(() => form.anchor.value ?? presetWords.value?.anchor ?? '');
export const conceptText = computed(() => form.concept.value ?? presetWords.value?.concept ?? '');

export const method = computed<MethodId>(
  () => form.settings.value.method ?? chosenPreset.value?.settings?.method ?? defaultMethod,
);

/** Whether forgotten prompts are brought to anchors. */
export const isSteered = computed(() =>
  findMethod(method.value).steersToAnchors({
    ...baseOf({ method: method.value }),
    ...chosenPreset.value?.settings,
    ...form.settings.value,
  } as EraseSettings),
);

/** Why the pictures of a set are not looked at; null where they are. */
export function unseenPictures(role: 'forget' | 'retain'): string | null {
  const { pictures, words } = findMethod(method.value);
  return pictures.includes(role)
    ? null
    : t('{method} goes by prompts alone: of pictures only the captions count.', {
        method: words.name,
      });
}

/** What the settings are where the person says nothing. */
export const baseSettings = computed<WantedSettings>(() => {
  const preset = { ...chosenPreset.value?.settings, reason: undefined };
  const wanted = withoutUndefined({ ...preset, ...form.settings.value });
  return { ...baseOf({ ...wanted, method: method.value }), ...withoutUndefined(preset) };
});

/** The defaults of those settings that decide what others are by default. */
export const decidingDefaults = computed<WantedSettings>(() =>
  decidingOf(baseOf({ method: method.value })),
);

function decidingOf(settings: EraseSettings): Pick<WantedSettings, 'train' | 'adapter'> {
  const { train, adapter } = trainingOf(settings) ?? {};
  return withoutUndefined({ train, adapter });
}

function baseOf({ method: id, train, adapter, ...others }: WantedSettings) {
  const { nativeSize, modelChannels, asks } = chosenModel.value ?? {};
  return defaultSettings({
    ...{ method: id, train, adapter, drawing: guess.value.draws },
    isShapeWanted: isShapeWanted(others),
    ...(nativeSize == null || modelChannels == null
      ? usualModel
      : { size: nativeSize, modelChannels, asks: asks ?? undefined }),
  });
}

/** How the chosen model is asked for pictures. */
export const asks = computed(() => chosenModel.value?.asks ?? 'words');

/** How the model is probably drawn with, by itself or by what the person wrote. */
const guess = computed(() =>
  joinGuesses(
    chosenModel.value?.drawing ?? noGuess,
    guessFromPrompts(toLines(form.forget.value ?? '').map(promptOf)),
  ),
);

/** How it is drawn as the form stands, and where what the person did not say was guessed from. */
export const drawing = computed(() => {
  const { settings } = form;
  const guessed = Object.entries(guess.value.sources).filter(
    ([name]) => !Object.hasOwn({ ...chosenPreset.value?.settings, ...settings.value }, name),
  );
  return {
    draws: { ...baseSettings.value, ...settings.value } as Drawing,
    sources: Object.fromEntries(guessed),
  };
});

/** The prompt of a line that may say its anchor. */
export const promptOf = (line: string) => line.split(forgetArrow)[0] ?? line;

/** Takes a preset, or none; what was written by hand gives way to its words. */
export function choosePreset(name: string | null): void {
  batch(() => {
    clearList();
    form.preset.value = name;
    form.variables.value = {};
    form.forget.value = null;
    form.retain.value = null;
    form.anchor.value = null;
    form.anchors.value = {};
    form.concept.value = null;
    form.judges.value = [];
    // It belongs to the model, which stays.
    const { prediction } = form.settings.value;
    form.settings.value = withoutUndefined({ prediction });
  });
}

/** Takes another model; what the one before was said to predict says nothing of it. */
export function chooseModel(name: string): void {
  batch(() => {
    form.model.value = name;
    companions.vae.value = null;
    changeSettings({ prediction: undefined });
  });
}

/** Takes the words and settings of a job; its pictures are no longer here. */
export function fillFromJob(job: JobView): void {
  batch(() => {
    clearForm();
    form.model.value = job.model;
    takeCompanions(job);
    if (job.concepts.length > 0) showListOf(job);
    else takeForgotten(job);
    form.retain.value = keptByAll(job.retain, job.concepts).join('\n');
    form.settings.value = job.settings ? changesOf(job.settings) : {};
    form.judges.value = job.judges.map(({ name, classes }) => ({ name, classes: [...classes] }));
    form.pictures.value = job.pictures;
  });
}

/** Takes what a job of one concept forgot. */
function takeForgotten({ forget, concept }: Pick<JobView, 'forget' | 'concept'>): void {
  const anchor = commonAnchor(forget);
  form.forget.value = forget.map(({ prompt }) => prompt).join('\n');
  form.anchor.value = anchor;
  form.anchors.value =
    anchor === null ? Object.fromEntries(forget.map((line) => [line.prompt, line.anchor])) : {};
  form.concept.value = concept;
}

/** Those settings that are not as by default. */
function changesOf(of: EraseSettings): WantedSettings {
  const { method, ...settings } = of;
  const deciding = decidingOf(of);
  const base = { ...baseOf({ method, ...deciding }), ...decidingOf(baseOf({ method })) };
  const defaults = new Map<string, unknown>(Object.entries(base));
  const changes = Object.entries(settings).filter(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify(defaults.get(name)),
  );
  return { ...Object.fromEntries(changes), ...(method !== defaultMethod && { method }) };
}

/** Empties the form; the model stays. */
export function clearForm(): void {
  batch(() => {
    choosePreset(null);
    for (const pictures of [form.forgetPictures, form.retainPictures]) {
      revokePictures(pictures.value);
      pictures.value = [];
    }
    clearCompanions();
    form.device.value = 'auto';
    form.pictures.value = 'auto';
  });
}

/** Goes over to another method, without the settings that it does not have. */
export function changeMethod(chosen: MethodId | undefined): void {
  changeSettings({ method: chosen });
  form.settings.value = Object.fromEntries(
    Object.entries(form.settings.value).filter(([name]) => hasSetting(method.value, name)),
  );
}

/** Settings with the changes; undefined: as by default. */
export function changeSettings(change: WantedSettings): void {
  form.settings.value = withoutUndefined({ ...form.settings.value, ...change });
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function withoutUndefined<T extends object>(value: T): Defined<T> {
  const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
  return Object.fromEntries(entries) as Defined<T>;
}
