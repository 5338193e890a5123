import { availableParallelism } from 'node:os';
import path from 'node:path';
import { z } from 'zod';

import {
  type Checkpoint,
  openCheckpoint,
  requireClasses,
  requireErasable,
  requireGuidable,
  requireSizeFits,
} from '../../families/checkpoint.ts';
import { readLora } from '../../adapters/low-rank/read-lora.ts';
import type { Companions } from '../../families/companions.ts';
import type { PredictionWish } from '../../diffusion/prediction-reading.ts';
import { parseForgetLine } from '../../erase/forget-lines.ts';
import {
  type DrawingGuess,
  guessFromPrompts,
  joinGuesses,
  noGuess,
} from '../../drawing/drawing-guess.ts';
import { guessDrawing } from '../../drawing/guess.ts';
import { foldDrawing } from '../../drawing/spellings.ts';
import { AppError } from '../../errors.ts';
import {
  defaultMethod,
  defaultSettings,
  type EraseSettings,
  findMethod,
  isShapeWanted,
  type MethodId,
  ownSettings,
  settingsSchema,
  trainingOf,
  type WantedSettings,
} from '../../methods/registry.ts';
import type { PicturesWish } from '../../contract/pictures-wish.ts';
import type { Role } from '../../evaluation/figure.ts';
import type { ChosenLora } from '../../adapters/low-rank/with-loras.ts';
import type { PictureSize } from '../../images/picture-size.ts';
import type { ClassifierWish } from '../../evaluation/classifier/classifier-choice.ts';
import { sizeFacts } from '../../methods/default-settings.ts';
import { findPreset } from '../../presets/load-presets.ts';
import { fillPreset, type Preset } from '../../presets/preset.ts';
import type { Device } from '../../runtime/device.ts';
import { appVersion } from '../../version.ts';
import { chooseJudges } from './choose-judges.ts';
import { requireOfMethod, requirePictures, unreadSettings, unseenPictures } from './fit-method.ts';
import {
  type CompanionWishes,
  drawnBy,
  learnedNames,
  vaePathOf,
  withWord,
} from './companion-wishes.ts';
import type { JobDraft } from './job-draft.ts';
import { requireChange, requireLayers } from './require-settings.ts';
import { conceptsOf } from './prepare-concepts.ts';
import { prepareShapes } from './prepare-shapes.ts';
import { preparePrompts } from './prepare-prompts.ts';
import type { PromptRequest } from './prompt-request.ts';

/** Fixed-seed samples that are drawn over the steps where the request says nothing. */
const SAMPLES_OF_A_RUN = 8;

/** An erasure as a person asks for it: what is undefined follows from the preset or the model. */
export interface EraseRequest extends PromptRequest, CompanionWishes {
  readonly model: string;
  readonly preset: string | undefined;
  /** Values of the preset's variables. */
  readonly variables: Readonly<Record<string, string>>;
  readonly settings: WantedSettings;
  /** Classifiers that judge the result. Default: those of the preset. */
  readonly judges?: readonly ClassifierWish[];
  readonly device: Device | 'auto';
  /** Threads on the CPU; undefined for one per core. */
  readonly threads: number | undefined;
  /** A checkpoint, or a LoRA file where that is all that is made. */
  readonly output: string | undefined;
  /** Of a LoRA file beside a checkpoint. Default: in the job's folder. */
  readonly loraOutput?: string | undefined;
  /** For a result that is not named, its folder; undefined: the original's. */
  readonly outputFolder?: string | undefined;
  /** How the web UI that the model belongs to is set to draw with it. */
  readonly hostDrawing?: DrawingGuess;
  /** Sizes of the given pictures, upright, where an estimate is asked for and they are not there. */
  readonly pictureSizes?: Readonly<Record<Role, readonly PictureSize[]>>;
  /** Whether its prompts are classes, which only some models have. */
  readonly isByClass?: boolean;
  /** Who draws the pictures of its sets. Default: the training process. */
  readonly pictures?: PicturesWish;
  /** Whether somebody watches it on a page, which shows samples on the way. */
  readonly isWatched?: boolean;
}

/** Where a job is prepared. */
export interface PrepareEnvironment {
  readonly dataFolder: string;
  readonly presetFolders: readonly string[];
  readonly chooseDevice: (wanted: Device | 'auto') => Promise<Device>;
}

/** Where a job is drafted. */
export type DraftEnvironment = Pick<PrepareEnvironment, 'dataFolder' | 'presetFolders'>;

/**
 * Turns a request into a job as far as words, pictures and the model's header tell.
 *
 * @throws AppError with exit status 3 for whatever is wrong with the request
 */
export async function draftJob(
  request: EraseRequest,
  { presetFolders, dataFolder }: DraftEnvironment,
): Promise<JobDraft> {
  const embeddings = (request.embeddings ?? []).map((file) => path.resolve(file));
  const words = learnedNames(embeddings);
  const preset = await loadPreset(request, { presetFolders, words });
  const method = chosenMethod(request, preset);
  requirePictures(method, request);
  requireOneList(request, preset);
  const pictureWarnings = await comparePictures(request);
  const chosen = await chooseJudges(request, preset, dataFolder);
  const { prediction } = request.settings;
  const baseLoras = (request.baseLoras ?? []).map(({ path: lora, strength }) => ({
    ...{ path: path.resolve(lora), strength },
  }));
  const opened = { prediction, ...request, baseLoras, embeddings };
  return withErasable(path.resolve(request.model), opened, async (checkpoint) => {
    if (request.isByClass) requireClasses(checkpoint);
    const prepared = prepareSettings(checkpoint, request, preset);
    const prompts = await preparePrompts(
      { ...request, style: prepared.settings.promptStyle, learned: words },
      preset,
      findMethod(method).forgets,
      checkpoint.condition.asks,
    );
    const { shapes, warnings } = await prepareShapes(
      prepared.settings,
      { forget: request.forgetImages, retain: request.retainImages },
      checkpoint.facts,
    );
    return {
      version: 3,
      ...prepared,
      createdAt: new Date().toISOString(),
      appVersion,
      concept: prompts.concept,
      model: checkpoint.file.path,
      vae: vaePathOf(checkpoint),
      ...{ baseLoras, embeddings },
      output: request.output ?? null,
      loraOutput: request.loraOutput ?? null,
      outputFolder: request.outputFolder ?? null,
      loraFolder: null,
      preset: preset?.name ?? null,
      forget: prompts.forget,
      concepts: prompts.concepts,
      forgetImages: absoluteOrNull(request.forgetImages),
      heldBack: prompts.heldBack,
      retain: prompts.retain,
      retainImages: absoluteOrNull(request.retainImages),
      shapes,
      warnings: [
        ...prompts.warnings,
        ...pictureWarnings,
        ...warnings,
        ...chosen.warnings,
        ...unreadSettings(method, request, preset),
        ...unseenPictures(method, request),
      ],
      judges: [...chosen.judges],
      device: request.device,
      threads: request.threads ?? availableParallelism(),
      pictures: drawnBy(request),
    };
  });
}

/** @throws AppError `concepts.invalid` where something is to be forgotten that belongs to none of several concepts */
function requireOneList(request: EraseRequest, preset: Preset | undefined): void {
  if (conceptsOf(request, preset).length === 0) return;
  const { forget, forgetImages } = request;
  const other =
    (forget.length > 0 && 'prompts to forget') ||
    (forgetImages !== undefined && 'pictures to forget') ||
    (preset !== undefined && preset.concepts === undefined && 'a preset of one concept');
  if (other === false) return;
  throw new AppError(
    'concepts.invalid',
    `${other} and a list of concepts are given, and each thing to forget is an entry of the list. Give it a name there, or leave the list out.`,
  );
}

async function comparePictures({
  forgetImages,
  retainImages,
  concepts = [],
}: EraseRequest): Promise<string[]> {
  const folders = [forgetImages, ...concepts.map(({ images }) => images)];
  const forgotten = folders.filter((folder) => folder !== undefined);
  if (forgotten.length === 0 || retainImages === undefined) return [];
  // Loaded here, not at the start: it brings the image library, which a request of words need not.
  const { comparePictureSets } = await import('./compare-pictures.ts');
  const warnings: string[] = [];
  for (const folder of forgotten)
    warnings.push(...(await comparePictureSets(folder, retainImages)));
  return warnings;
}

/** Opens a checkpoint that something can be erased from, and closes it afterwards. */
export async function withErasable<T>(
  modelPath: string,
  {
    prediction,
    baseLoras = [],
    ...companions
  }: Companions & {
    readonly prediction?: PredictionWish | null | undefined;
    readonly baseLoras?: readonly ChosenLora[];
  },
  use: (checkpoint: Checkpoint) => T | Promise<T>,
): Promise<T> {
  const checkpoint = await openCheckpoint(modelPath, prediction ?? undefined, companions);
  try {
    requireErasable(checkpoint);
    // Read, so that one that does not fit is refused before anything is made.
    for (const { path: lora } of baseLoras) await readLora(lora, checkpoint);
    return await use(checkpoint);
  } finally {
    await checkpoint.close();
  }
}

async function loadPreset(
  { preset: name, variables, forgetImages }: EraseRequest,
  { presetFolders, words }: { presetFolders: readonly string[]; words: readonly string[] },
): Promise<Preset | undefined> {
  if (name !== undefined) {
    const preset = await findPreset(presetFolders, name);
    if (preset.images?.use === 'required' && forgetImages === undefined) {
      const { label, reason } = preset.images;
      throw new AppError('image.none', `preset "${name}" needs pictures (${label}): ${reason}`, {
        remedy: { advice: 'Give them', settings: [{ setting: 'forgetImages' }] },
      });
    }
    return fillPreset(preset, withWord(preset, variables, words));
  }
  const [variable] = Object.keys(variables);
  if (variable === undefined) return undefined;
  throw new AppError(
    'usage.invalid',
    `"${variable}" is the variable of a preset, and no preset is chosen.`,
    { remedy: { advice: 'Choose it', settings: [{ setting: 'preset' }] } },
  );
}

/** What the web UI has set goes before what the model's files say, that before how prompts are written. */
function guessFor(
  checkpoint: Checkpoint,
  { hostDrawing = noGuess, forget, concepts = [] }: EraseRequest,
): DrawingGuess {
  const lines = [...forget, ...concepts.flatMap((one) => one.forget)];
  const prompts = lines.map((line) => parseForgetLine(line).prompt);
  return [hostDrawing, guessDrawing(checkpoint), guessFromPrompts(prompts)].reduce(joinGuesses);
}

/** What the person says goes before the preset's settings, those before guesses and the defaults. */
export function prepareSettings(
  checkpoint: Checkpoint,
  request: EraseRequest,
  preset: Preset | undefined,
): Pick<JobDraft, 'settings' | 'drawingSources'> {
  const id = chosenMethod(request, preset);
  // A preset for another method lends this one what both have.
  const isPresetOfMethod = id === (preset?.settings?.method ?? defaultMethod);
  requireOfMethod(id, { ...(isPresetOfMethod && preset?.settings), ...request.settings });
  const wanted: WantedSettings = {
    ...foldDrawing(preset?.settings ?? {}),
    ...foldDrawing(request.settings),
  };
  const guess = guessFor(checkpoint, request);
  const defaults = defaultSettings({
    method: id,
    train: wanted.train,
    adapter: wanted.adapter,
    isShapeWanted: isShapeWanted(wanted),
    ...sizeFacts(checkpoint),
    hasAnchors: hasAnchors(request),
    drawing: guess.draws,
  });
  // Before the schema: it knows no model, and so not the nearest size that fits.
  requireSizeFits(checkpoint, {
    ...{ width: wanted.width ?? defaults.width, height: wanted.height ?? defaults.height },
  });
  const settings = { ...defaults, ...ownSettings(id, wanted), method: id };
  const complete = requireValid(settingsSchema, findMethod(id).flat?.fold(settings) ?? settings);
  requireChange(complete);
  requireLayers(checkpoint, complete);
  requireGuidable(checkpoint, complete);
  const guessed = Object.entries(guess.sources).filter(([name]) => !Object.hasOwn(wanted, name));
  return {
    settings: withSamples(withJudgedPictures(complete, request), request),
    drawingSources: Object.fromEntries(guessed),
  };
}

/** Whether the person says what forgotten prompts are steered to. */
function hasAnchors({ anchor, forget }: EraseRequest): boolean {
  return anchor !== undefined || forget.some((line) => parseForgetLine(line).anchor !== undefined);
}

/**
 * Who asks for a judge wants something judged: one picture of each prompt, if no number is given.
 *
 * @throws AppError `settings.invalid` where none are asked for all the same
 */
function withJudgedPictures(
  settings: EraseSettings,
  { judges = [], settings: wanted }: EraseRequest,
): EraseSettings {
  if (judges.length === 0 || settings.evaluationPictures > 0) return settings;
  if (wanted.evaluationPictures === 0) {
    throw new AppError(
      'settings.invalid',
      'a judge looks at the pictures that are compared at the end, and none are asked for. Leave the judge out, or',
      { remedy: { advice: 'ask for one or more', settings: [{ setting: 'evaluationPictures' }] } },
    );
  }
  return { ...settings, evaluationPictures: 1 };
}

/** Where somebody watches, a job shows how it goes, unless it is said otherwise. */
function withSamples(
  settings: EraseSettings,
  { isWatched, settings: wanted }: EraseRequest,
): EraseSettings {
  if (!isWatched) return settings;
  const training = trainingOf(settings);
  if (!training) return settings;
  const usual = Math.max(1, Math.round(training.steps / SAMPLES_OF_A_RUN));
  const sampleEvery = wanted.sampleEvery ?? (training.sampleEvery || usual);
  return { ...training, sampleEvery };
}

/** The method that a request asks for. */
export function chosenMethod({ settings }: EraseRequest, preset: Preset | undefined): MethodId {
  return settings.method ?? preset?.settings?.method ?? defaultMethod;
}

/** @throws AppError `settings.invalid` */
export function requireValid<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.map(
    ({ path: at, message }) => `${at.join('.')}: ${message}`,
  );
  throw new AppError('settings.invalid', `the settings are not valid: ${problems.join('; ')}.`);
}

function absoluteOrNull(folder: string | undefined): string | null {
  return folder === undefined ? null : path.resolve(folder);
}
