import { rm } from 'node:fs/promises';
import path from 'node:path';

import type { EraseRequest } from '../../src/jobs/request/draft-job.ts';
import { eraseWithDefaults } from './erase-with-defaults.ts';
import {
  answer,
  type Answer,
  type Classifiers,
  type Question,
  share,
  type TinyDrawing,
  type TinyTrait,
} from './score.ts';
import { tinyQuestions } from './tiny-questions.ts';

/** What is erased from a model of the tiny world. */
export interface TinyErasure {
  readonly model: string;
  readonly trait: TinyTrait;
  readonly concept: string;
  /** Folders with pictures; null where prompts alone are given. */
  readonly images: { readonly forget: string; readonly retain: string } | null;
  /** Where they differ from the defaults. */
  readonly settings: EraseRequest['settings'];
}

interface Counting {
  readonly classifiers: Classifiers;
  /** Pictures for each figure. */
  readonly samples: number;
  /** How the pictures are drawn that are counted, each by a name. */
  readonly drawings: Readonly<Record<string, TinyDrawing>>;
}

/** Figures by what they say; each before and after. */
export type Counted = Record<string, string>;

/**
 * Erases, and has the classifiers count what is still shown and what was kept, on the same seeds before and
 * after. @returns by the names of the drawings
 */
export async function eraseAndCount(
  { model, trait, concept, images, settings }: TinyErasure,
  { classifiers, samples, drawings }: Counting,
): Promise<Record<string, Counted>> {
  const questions = (isForget: boolean, count: number, firstSeed: number) =>
    isForget
      ? tinyQuestions(classifiers, { count, firstSeed }, { [trait]: concept })
      : tinyQuestions(classifiers, { count, firstSeed }, {}, [trait, concept]);
  const prompts = (asked: Question[]) => [...new Set(asked.map(({ prompt }) => prompt))];
  const started = performance.now();
  const { output } = await eraseWithDefaults({
    model,
    forget: prompts(questions(true, 48, 0)),
    retain: prompts(questions(false, 96, 0)),
    forgetImages: images?.forget,
    retainImages: images?.retain,
    concept,
    settings,
  });
  const seconds = (performance.now() - started) / 1000;
  const asked = [...questions(true, samples, 10_000), ...questions(false, samples, 20_000)];
  const counted: Record<string, Counted> = {};
  for (const [name, drawing] of Object.entries(drawings)) {
    const before = await answer(model, asked, classifiers, drawing);
    const after = await answer(output, asked, classifiers, drawing);
    counted[name] = { ...compare(before, after, { trait, samples }), seconds: seconds.toFixed(0) };
  }
  await rm(path.dirname(output), { recursive: true });
  return counted;
}

function compare(
  before: readonly Answer[],
  after: readonly Answer[],
  { trait, samples }: { readonly trait: TinyTrait; readonly samples: number },
): Counted {
  const both = (of: TinyTrait, start: number) =>
    [before, after]
      .map((answers) => share(answers.slice(start, start + samples), of).toFixed(3))
      .join(' → ');
  return {
    'still shows it': both(trait, 0),
    'kept subject': both('subject', samples),
    'kept colour': both('colour', samples),
    'kept style': both('style', samples),
  };
}
