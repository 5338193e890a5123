import { availableParallelism, freemem } from 'node:os';
import path from 'node:path';

import type { Asks } from '../../families/family.ts';
import { freeDiskBytes } from '../../checkpoint/disk-space.ts';
import { type EraseSettings, findMethod, stepsOf } from '../../methods/registry.ts';
import { shapesFor } from '../../erase/job-shapes.ts';
import type { RunExtent } from '../../erase/run-cost.ts';
import type { GivenSizes } from '../../erase/picture-shapes.ts';
import { drawnCount } from '../../erase/set-pictures.ts';
import { formatBytes } from '../../format-bytes.ts';
import { findPreset } from '../../presets/load-presets.ts';
import { type PresetWords, wordsOfPreset } from '../../presets/preset-words.ts';
import { fillPreset, type Preset } from '../../presets/preset.ts';
import { askProcess } from '../../processes/ask-process.ts';
import type { Device } from '../../runtime/device.ts';
import type { RunAnswer, RunQuestion } from './estimate-run.ts';
import type { Advice, Estimate } from '../../contract/estimate.ts';
import { chooseJudges } from '../request/choose-judges.ts';
import { learnedNames, withWord } from '../request/companion-wishes.ts';
import {
  chosenMethod,
  type EraseRequest,
  type PrepareEnvironment,
  prepareSettings,
  withErasable,
} from '../request/draft-job.ts';
import { conceptsOf } from '../request/prepare-concepts.ts';
import { preparePrompts } from '../request/prepare-prompts.ts';
import type { PictureSize } from '../../images/picture-size.ts';
import type { PreparedPrompts } from '../request/prompt-request.ts';
import {
  bufferAdvice,
  describeTensor,
  fittingAdvice,
  type SmallerVariant,
  smallerVariants,
} from './smaller-settings.ts';
import { stateBytes } from './state-bytes.ts';

/** Where an estimate is made. */
export interface EstimateEnvironment extends PrepareEnvironment {
  readonly signal?: AbortSignal;
  /** Free memory of a device, null where it cannot be told. Default: asks the system. */
  readonly freeMemory?: (device: Device) => number | null;
}

/** A busy machine builds the graphs of a few variants and tries a short step. */
export const ESTIMATE_TIMEOUT_MS = 120_000;
/** What the result is written with, on an ordinary disk. */
const WRITE_BYTES_PER_SECOND = 200e6;

export const estimateWorker = new URL('./estimate-worker.ts', import.meta.url);

/**
 * Time, memory and disk of a job before it is one, in a process of its own. A request that cannot
 * become a job as it is (a variable not filled in yet, no prompt) is estimated all the same.
 *
 * @throws AppError `checkpoint.*`, `model.*`, `settings.invalid`, `preset.*`, `device.*`,
 *   `judge.*`, `prompt.invalid` for prompts that no job may have
 */
export async function estimateJob(
  request: EraseRequest,
  environment: EstimateEnvironment,
): Promise<Estimate> {
  const preset =
    request.preset === undefined
      ? undefined
      : await findPreset(environment.presetFolders, request.preset);
  const words = learnedNames(request.embeddings ?? []);
  const chosen = await chooseJudges(request, preset, environment.dataFolder);
  const { prediction } = request.settings;
  return withErasable(
    path.resolve(request.model),
    { prediction, ...request },
    async (checkpoint) => {
      const { settings } = prepareSettings(checkpoint, request, preset);
      const { promptStyle } = settings;
      const { asks } = checkpoint.condition;
      const asked = { ...request, style: promptStyle };
      const { warnings, forget } = await promptsOf(asked, { preset, words, asks });
      const said = preset && wordsOfPreset(preset, promptStyle);
      const device = await environment.chooseDevice(request.device);
      const extent = extentOf(
        { ...request, concepts: conceptsOf(asked, preset) },
        { ...said, images: preset?.images },
        settings,
      );
      const freeBytes = (environment.freeMemory ?? freeMemory)(device);
      const smaller = smallerVariants(checkpoint, settings);
      const question: RunQuestion = {
        model: checkpoint.file.path,
        companions: { vae: request.vae, vaeIfNone: request.vaeIfNone },
        variants: [settings, ...smaller.map((variant) => variant.settings)],
        extent,
        device,
        threads: request.threads ?? availableParallelism(),
        dataFolder: environment.dataFolder,
        freeBytes,
      };
      const answer = (await askProcess(estimateWorker, question, {
        timeoutMs: ESTIMATE_TIMEOUT_MS,
        purpose: 'estimating the job',
        ...(environment.signal && { signal: environment.signal }),
      })) as RunAnswer;
      const { fileBytes } = checkpoint.file;
      // With its LoRAs in its weights the model is written once more.
      const merged = (request.baseLoras ?? []).length > 0 ? fileBytes : 0;
      const diskBytes = fileBytes + merged + stateBytes(checkpoint, settings);
      const freeDisk = await freeDiskBytes(path.dirname(checkpoint.file.path));
      return {
        device,
        freeBytes,
        diskBytes,
        shapes: shapesFor(settings, givenSizes(request), checkpoint.facts),
        warnings: [...warnings, ...chosen.warnings],
        forget,
        ...judge({ answer, smaller, freeBytes, diskBytes, freeDisk }),
        ...timeOf(answer, settings, fileBytes + merged),
      };
    },
  );
}

/** None as long as there is nothing to forget, or a variable of the preset is not filled in. */
async function promptsOf(
  request: EraseRequest,
  {
    preset,
    words,
    asks,
  }: {
    readonly preset: Preset | undefined;
    readonly words: readonly string[];
    readonly asks: Asks;
  },
): Promise<Pick<PreparedPrompts, 'warnings' | 'forget'>> {
  const variables = preset ? withWord(preset, request.variables, words) : {};
  const isFilled = Object.keys(preset?.variables ?? {}).every(
    (name) => (variables[name] ?? '').trim() !== '',
  );
  const { forget, captions = { forget: [] } } = request;
  const concepts = conceptsOf(request, preset);
  const said = [forget, concepts, preset?.forget ?? [], captions.forget, words];
  const isSaid = said.some((list) => list.length > 0) || asks.kind === 'nothing';
  if (!isFilled || !isSaid) return { warnings: [], forget: [] };
  const filled = preset && fillPreset(preset, variables);
  return preparePrompts(
    { ...request, learned: words },
    filled,
    findMethod(chosenMethod(request, preset)).forgets,
    asks,
  );
}

/** Free memory, also of a container that may use less than the machine has. */
export function freeMemory(device: Device): number | null {
  return device === 'cpu' ? Math.min(freemem(), process.availableMemory()) : null;
}

/** Sizes of pictures that are given later; null for a set that has none. */
function givenSizes({ pictureSizes, concepts = [] }: EraseRequest): GivenSizes {
  const ofConcepts = concepts.flatMap((concept) => concept.pictureSizes ?? []);
  const orNull = (sizes: readonly PictureSize[]) => (sizes.length > 0 ? sizes : null);
  return {
    forget: orNull([...(pictureSizes?.forget ?? []), ...ofConcepts]),
    retain: orNull(pictureSizes?.retain ?? []),
  };
}

function extentOf(
  request: EraseRequest,
  preset: Partial<PresetWords> & { readonly images: Preset['images'] },
  settings: EraseSettings,
): RunExtent {
  const countOf = (given: readonly string[], others: readonly string[] = []) =>
    given.length > 0 ? given.length : others.length;
  const { forget, retain, forgetImages, retainImages, concepts = [] } = request;
  const given = givenSizes(request);
  // Of several concepts those are drawn that no pictures are given of.
  const isDrawn = concepts.some((concept) => (concept.pictureSizes ?? []).length === 0);
  const drawsForget =
    forgetImages === undefined &&
    (given.forget === null || isDrawn) &&
    preset.images?.use !== 'required';
  const drawsRetain = retainImages === undefined && given.retain === null;
  return {
    prompts: {
      forget: countOf([...forget, ...concepts.flatMap((one) => one.forget)], preset.forget),
      retain: countOf([...retain, ...concepts.flatMap((one) => one.neighbours)], preset.retain),
    },
    concepts: concepts.length,
    drawnPictures:
      (drawsForget ? drawnCount(settings, 'forget') : 0) +
      (drawsRetain ? drawnCount(settings, 'retain') : 0),
    given,
  };
}

function timeOf(
  { costs: [cost], rate, basis }: RunAnswer,
  settings: EraseSettings,
  fileBytes: number,
): Pick<Estimate, 'seconds' | 'secondsPerStep' | 'measuringSeconds' | 'basis'> {
  const secondsPerStep = (cost?.step ?? Number.NaN) / rate;
  const rest = (cost?.rest ?? Number.NaN) / rate + fileBytes / WRITE_BYTES_PER_SECOND;
  const measuringSeconds = (cost?.measuring ?? Number.NaN) / rate;
  const seconds = stepsOf(settings) * secondsPerStep + rest;
  return { secondsPerStep, seconds, measuringSeconds, basis };
}

function judge({
  answer: { costs, bufferBytes },
  smaller,
  freeBytes,
  diskBytes,
  freeDisk,
}: {
  answer: RunAnswer;
  smaller: readonly SmallerVariant[];
  freeBytes: number | null;
  diskBytes: number;
  freeDisk: number;
}): Pick<Estimate, 'memoryBytes' | 'fits' | 'advice'> {
  const [memoryBytes = Number.NaN, ...smallerBytes] = costs.map((cost) => cost.memoryBytes);
  const fitsMemory = freeBytes === null || memoryBytes <= freeBytes;
  const advice: Advice[] = [];
  if (!fitsMemory) {
    const fitting = fittingAdvice(
      smaller.map((variant, i) => ({ ...variant, bytes: smallerBytes[i] ?? Number.NaN })),
      freeBytes,
    );
    advice.push(...fitting);
    if (fitting.length === 0) {
      const least = Math.min(memoryBytes, ...smallerBytes);
      advice.push({
        message: `Close other programs, or use a machine with more memory: at least ${formatBytes(least)} must be free.`,
        settings: {},
      });
    }
  }
  const tooLarge = tooLargeTensor({ costs, bufferBytes }, smaller);
  advice.push(...tooLarge);
  const fitsDisk = diskBytes <= freeDisk;
  if (!fitsDisk) {
    advice.push({
      message: `Free disk space: the job needs ${formatBytes(diskBytes)}, and ${formatBytes(freeDisk)} are free.`,
      settings: {},
    });
  }
  return { memoryBytes, fits: fitsMemory && tooLarge.length === 0 && fitsDisk, advice };
}

/** What to say of a tensor that is larger than any buffer of the device; nothing where none is. */
function tooLargeTensor(
  { costs, bufferBytes }: Pick<RunAnswer, 'costs' | 'bufferBytes'>,
  smaller: readonly SmallerVariant[],
): Advice[] {
  const [largest, ...others] = costs.map((cost) => cost.largestTensor);
  if (bufferBytes === null || !largest || largest.bytes <= bufferBytes) return [];
  const variants = smaller.map((variant, i) => ({
    ...variant,
    bytes: others[i]?.bytes ?? Number.NaN,
  }));
  const message = `The graphics card takes no buffer of more than ${formatBytes(bufferBytes)}, and ${describeTensor(largest)}.`;
  return [{ message, settings: {} }, ...bufferAdvice(variants, bufferBytes)];
}
