import path from 'node:path';
import * as z from 'zod';

import { withoutModelEnding } from '../checkpoint/model-ending.ts';
import { readProvenance } from '../checkpoint/provenance.ts';
import { samplerParts } from '../diffusion/samplers/registry.ts';
import type { Checkpoint } from '../families/checkpoint.ts';
import type { ModelFacts } from '../families/family.ts';
import { type Convention, distillations, lcm, styles, unknownDistillation } from './conventions.ts';
import { drawingFields, partialDrawingSchema } from './drawing.ts';
import { type DrawingGuess, guessFrom, joinGuesses, noGuess } from './drawing-guess.ts';
import { styleOfTagFrequency } from './prompt-style.ts';

/**
 * What a checkpoint's files and name say: the job that made it, its trainer, its names, its scheduler. Names
 * go before the scheduler, which is often the one that came with the base model.
 */
export function guessDrawing({ file, facts }: Pick<Checkpoint, 'file' | 'facts'>): DrawingGuess {
  return [
    ofScrubbing(readProvenance(file.metadata)),
    ofTraining(file.metadata),
    ...namesOf(file.path, file.metadata).map(({ text, where }) =>
      ofName(text, { where, family: facts.title }),
    ),
    ofScheduler(facts),
    ofResolution(file.metadata, facts),
    ...entriesOf(file.metadata, ancestorEntries).map(({ text, where }) =>
      ofStyle(text, { where, family: facts.title }),
    ),
  ].reduce(joinGuesses, noGuess);
}

const scrubbedSchema = z.object({ settings: partialDrawingSchema });

/** From the file, so nothing is promised of it. */
function ofScrubbing(provenance: Readonly<Record<string, unknown>> | null): DrawingGuess {
  const { data } = scrubbedSchema.safeParse(provenance);
  // Its size was what the machine could train, more likely than what its owner draws.
  const { width: _width, height: _height, ...draws } = data?.settings ?? {};
  return guessFrom('the job that made it', draws);
}

/** What sd-scripts trained with. */
function ofTraining(metadata: ReadonlyMap<string, string>): DrawingGuess {
  const { data: clipSkip } = drawingFields.clipSkip.safeParse(Number(metadata.get('ss_clip_skip')));
  const promptStyle = styleOfTagFrequency(metadata.get('ss_tag_frequency'));
  return joinGuesses(
    guessFrom('ss_clip_skip in its metadata', { clipSkip }),
    guessFrom('ss_tag_frequency in its metadata', { promptStyle }),
  );
}

/** Of LCM's, which only models have that were distilled for it, how they are drawn otherwise too. */
function ofScheduler({ sampler }: Pick<ModelFacts, 'sampler'>): DrawingGuess {
  if (sampler === null) return noGuess;
  const { name: drawSampler, source } = sampler;
  const isDistilled = samplerParts(drawSampler).solver === 'LCM';
  return guessFrom(source, { ...(isDistilled && lcm.draws), drawSampler });
}

/**
 * What a model was made for, where that is smaller than its family is used to, as with SDXL-Turbo. A larger
 * one may be what its trainer's machine had room for.
 */
function ofResolution(
  metadata: ReadonlyMap<string, string>,
  { nativeSize, sizeStep }: Pick<ModelFacts, 'nativeSize' | 'sizeStep'>,
): DrawingGuess {
  const sides = /^\s*(\d+)\s*x\s*(\d+)\s*$/i.exec(metadata.get('modelspec.resolution') ?? '');
  const [width, height] = (sides ?? [])
    .slice(1)
    .map((side) => drawingFields.width.safeParse(Number(side)).data);
  if (width === undefined || height === undefined) return noGuess;
  if (width % sizeStep !== 0 || height % sizeStep !== 0) return noGuess;
  const isSmaller = width * height < nativeSize ** 2 && Math.max(width, height) <= nativeSize;
  if (!isSmaller) return noGuess;
  return guessFrom('modelspec.resolution in its metadata', { width, height });
}

/** Entries that name a model. */
const nameEntries = ['modelspec.title', 'ss_output_name'];
/** Entries that name what a model was trained from: its words are known to the model, its distillation is gone. */
const ancestorEntries = ['ss_sd_model_name', 'ss_base_model_version', 'modelspec.merged_from'];

function namesOf(filePath: string, metadata: ReadonlyMap<string, string>) {
  const own = { text: withoutModelEnding(path.basename(filePath)), where: 'its name' };
  return [own, ...entriesOf(metadata, nameEntries)];
}

function entriesOf(metadata: ReadonlyMap<string, string>, entries: readonly string[]) {
  return entries.flatMap((entry) => {
    const text = metadata.get(entry);
    return text === undefined ? [] : [{ text, where: `${entry} in its metadata` }];
  });
}

/** More steps than these are a training's, not a picture's. */
const mostSteps = 16;

/** Where a name stands, and of which family the model is (`ModelFacts.title`). */
interface NameFacts {
  /** For the source: `its name`. */
  readonly where: string;
  readonly family: string;
}

/** What words in a name say; a number of steps in it goes before that of the words. */
export function ofName(name: string, facts: NameFacts): DrawingGuess {
  const distilled = firstOf(distillations, name, facts);
  const isDistilled = distilled !== noGuess;
  const counted = stepsIn(name, isDistilled);
  const few =
    counted === null || isDistilled ? noGuess : guessBy(unknownDistillation, counted.word, facts);
  const steps =
    counted === null
      ? noGuess
      : guessFrom(`${facts.where}: “${counted.word}”`, { drawSteps: counted.steps });
  return [steps, distilled, few, ofStyle(name, facts)].reduce(joinGuesses);
}

/** What words in a name say of words and of how models are asked that know them. */
function ofStyle(name: string, facts: NameFacts): DrawingGuess {
  return firstOf(styles, name, facts);
}

function firstOf(conventions: readonly Convention[], name: string, facts: NameFacts): DrawingGuess {
  for (const convention of conventions) {
    if (convention.family !== undefined && convention.family !== facts.family) continue;
    const [word] = spellingsOf(name).flatMap((words) => convention.pattern.exec(words)?.[0] ?? []);
    if (word !== undefined) return guessBy(convention, word, facts);
  }
  return noGuess;
}

function guessBy({ title, draws }: Convention, word: string, { where }: NameFacts): DrawingGuess {
  const quoted = word.replaceAll(/^-+|-+$/g, '');
  return guessFrom(`${where}: “${quoted}” (${title})`, draws);
}

/** @param isDistilled whether `4S` counts as well */
function stepsIn(name: string, isDistilled: boolean): { word: string; steps: number } | null {
  const pattern = isDistilled ? /(\d{1,2})-?s(?:teps?)?-/ : /-(\d{1,2})-?steps?-/;
  for (const words of spellingsOf(name)) {
    const [word = '', digits = ''] = pattern.exec(words) ?? [];
    const steps = Number(digits);
    if (steps >= 1 && steps <= mostSteps) {
      return { word: word.replaceAll(/^-+|-+$/g, ''), steps };
    }
  }
  return null;
}

/** A name as words in lower case, `-a-b-`: as it is written, and `camelCase` as two. */
function spellingsOf(name: string): string[] {
  const camel = name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replaceAll(/([A-Z])([A-Z][a-z])/g, '$1 $2');
  return [name, camel].map((text) =>
    `-${text.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}-`.replaceAll(/-+/g, '-'),
  );
}
