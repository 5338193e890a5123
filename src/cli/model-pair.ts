import path from 'node:path';

import { withLoras } from '../adapters/low-rank/with-loras.ts';
import { requireFiniteWeights } from '../checkpoint/nan-scan.ts';
import { readProvenance } from '../checkpoint/provenance.ts';
import type { PredictionWish } from '../diffusion/prediction-reading.ts';
import { describeDrawing, describeGuesses } from '../drawing/describe-drawing.ts';
import { type Drawing } from '../drawing/drawing.ts';
import { type guessFromPrompts, joinGuesses } from '../drawing/drawing-guess.ts';
import { guessDrawing } from '../drawing/guess.ts';
import {
  type Checkpoint,
  openCheckpoint,
  requireErasable,
  requireGuidable,
  requireSizeFits,
} from '../families/checkpoint.ts';
import { requireComparable } from '../families/compare-checkpoints.ts';
import { drawingOf, sizeFacts } from '../methods/default-settings.ts';
import { type CompanionOptions, companionsIn } from './companion-options.ts';

/** Options of a command that works on a model and on what was made of it. */
export interface PairOptions extends CompanionOptions {
  /** The original. */
  readonly before: string;
  readonly after: string;
  /** How both draw, as far as it was said. */
  readonly drawing: Partial<Drawing>;
  readonly prediction?: PredictionWish;
}

/** An original and what was made of it. */
export interface ModelPair {
  readonly before: Checkpoint;
  readonly after: Checkpoint;
}

/** @throws AppError `checkpoint.*`, `model.*`, `vae.invalid` */
export async function withPair(
  options: PairOptions,
  work: (pair: ModelPair) => Promise<void>,
): Promise<void> {
  const companions = companionsIn(options);
  const open = (file: string) => openCheckpoint(path.resolve(file), options.prediction, companions);
  const before = await open(options.before);
  try {
    const after = await open(options.after);
    try {
      await work({ before, after });
    } finally {
      await after.close();
    }
  } finally {
    await before.close();
  }
}

/**
 * How both draw: as was said, else as the original or the prompts let guess.
 *
 * @throws AppError `settings.invalid`
 */
export function drawingOfPair(
  { before }: ModelPair,
  ofPrompts: ReturnType<typeof guessFromPrompts>,
  options: PairOptions,
): { readonly drawing: Drawing; readonly guesses: readonly string[] } {
  const guess = joinGuesses(guessDrawing(before), ofPrompts);
  const drawing = {
    ...drawingOf({ ...sizeFacts(before), drawing: guess.draws }),
    ...options.drawing,
  };
  requireSizeFits(before, drawing);
  requireGuidable(before, drawing);
  const guessed = Object.entries(guess.sources).filter(([name]) => !(name in options.drawing));
  return { drawing, guesses: describeGuesses(drawing, Object.fromEntries(guessed)) };
}

/** @throws AppError `model.*`, `checkpoint.nan` where one cannot draw, or they cannot be compared */
export async function requirePair({ before, after }: ModelPair): Promise<void> {
  await requireComparable(before, after);
  for (const checkpoint of [before, after]) {
    requireErasable(checkpoint);
    await requireFiniteWeights(checkpoint.file, checkpoint.facts.tensors);
  }
}

/** What a person should know of how both draw. */
export function remarksOfPair(
  { before, after }: ModelPair,
  { drawing, guesses }: ReturnType<typeof drawingOfPair>,
): string[] {
  const remarks = [before, after].flatMap(({ facts }) => facts.prediction.remarks);
  return [
    `Both models draw so: ${describeDrawing(drawing)}.`,
    ...[...new Set(remarks), ...guesses.map((text) => `Guessed: ${text}.`)],
  ];
}

/** Both with their LoRAs on top: a scrubbed model may have those of its original in its weights. */
export async function withLorasOfPair(
  { before, after }: ModelPair,
  options: CompanionOptions,
): Promise<ModelPair> {
  return {
    before: await withLoras(before, options.baseLora ?? []),
    after: hasItsLoras(after) ? after : await withLoras(after, options.baseLora ?? []),
  };
}

function hasItsLoras({ file }: Checkpoint): boolean {
  const { baseLoras = [] } = readProvenance(file.metadata) ?? {};
  return Array.isArray(baseLoras) && baseLoras.length > 0;
}
