import path from 'node:path';
import * as z from 'zod';

import { withoutModelEnding } from '../checkpoint/model-ending.ts';
import { readProvenance } from '../checkpoint/provenance.ts';
import type { Checkpoint } from '../families/checkpoint.ts';
import { type Convention, distillations, styles, unknownDistillation } from './conventions.ts';
import { type Drawing, drawingFields, partialDrawingSchema } from './drawing.ts';

/** How a model is probably drawn with, as far as anything tells. */
export interface DrawingGuess {
  readonly draws: Partial<Drawing>;
  /** What each part is known from: `its name: “lightning” (SDXL-Lightning)`. */
  readonly sources: DrawingSources;
}
export type DrawingSources = Readonly<Partial<Record<keyof Drawing, string>>>;

export const noGuess: DrawingGuess = { draws: {}, sources: {} };

/** Both, what the first one knows as it knows it. */
export function joinGuesses(first: DrawingGuess, second: DrawingGuess): DrawingGuess {
  return {
    draws: { ...second.draws, ...first.draws },
    sources: { ...second.sources, ...first.sources },
  };
}

/** A guess of which all parts are known from one source. */
export function guessFrom(source: string, draws: Partial<Drawing>): DrawingGuess {
  const sources = Object.fromEntries(Object.keys(draws).map((name) => [name, source]));
  return { draws, sources };
}

/** What a checkpoint's metadata and name say: the job that made it, its trainer, its names. */
export function guessDrawing({ file, facts }: Checkpoint): DrawingGuess {
  return [
    ofScrubbing(readProvenance(file.metadata)),
    ofTraining(file.metadata),
    ...namesOf(file.path, file.metadata).map(({ text, where }) =>
      ofName(text, { where, family: facts.title }),
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
  const { data } = drawingFields.clipSkip.safeParse(Number(metadata.get('ss_clip_skip')));
  return data === undefined
    ? noGuess
    : guessFrom('ss_clip_skip in its metadata', { clipSkip: data });
}

/** Entries that name a model. */
const nameEntries = ['modelspec.title', 'ss_output_name'];

function namesOf(filePath: string, metadata: ReadonlyMap<string, string>) {
  const own = { text: withoutModelEnding(path.basename(filePath)), where: 'its name' };
  const entries = nameEntries.flatMap((entry) => {
    const text = metadata.get(entry);
    return text === undefined ? [] : [{ text, where: `${entry} in its metadata` }];
  });
  return [own, ...entries];
}

/** More steps than these are a training's, not a picture's. */
const mostSteps = 16;

/**
 * What words in a name say; a number of steps in it goes before that of the words.
 *
 * @param where for the source: `its name`
 * @param family `ModelFacts.title`
 */
export function ofName(
  name: string,
  { where, family }: { where: string; family: string },
): DrawingGuess {
  const found = (convention: Convention) =>
    convention.family === undefined || convention.family === family
      ? spellingsOf(name).flatMap((words) => convention.pattern.exec(words)?.[0] ?? [])[0]
      : undefined;
  const guessOf = (convention: Convention, word: string): DrawingGuess => {
    const quoted = word.replaceAll(/^-+|-+$/g, '');
    return guessFrom(`${where}: “${quoted}” (${convention.title})`, convention.draws);
  };
  const first = (conventions: readonly Convention[]): DrawingGuess => {
    for (const convention of conventions) {
      const word = found(convention);
      if (word !== undefined) return guessOf(convention, word);
    }
    return noGuess;
  };
  const distilled = first(distillations);
  const isDistilled = distilled !== noGuess;
  const counted = stepsIn(name, isDistilled);
  const few =
    counted === null || isDistilled ? noGuess : guessOf(unknownDistillation, counted.word);
  const steps =
    counted === null
      ? noGuess
      : guessFrom(`${where}: “${counted.word}”`, { drawSteps: counted.steps });
  return [steps, distilled, few, first(styles)].reduce(joinGuesses);
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
