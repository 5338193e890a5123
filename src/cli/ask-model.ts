import { availableParallelism } from 'node:os';
import path from 'node:path';

import { requireFiniteWeights } from '../checkpoint/nan-scan.ts';
import type { PredictionWish } from '../diffusion/prediction-reading.ts';
import type { Drawing } from '../drawing/drawing.ts';
import { guessFromPrompts, joinGuesses } from '../drawing/drawing-guess.ts';
import { guessDrawing } from '../drawing/guess.ts';
import { deriveConcept } from '../erase/anchors.ts';
import { checkSyntax } from '../erase/prompt-syntax.ts';
import { AppError } from '../errors.ts';
import { askKnowledge } from '../evaluation/knowledge/ask-knowledge.ts';
import { readImageFolder } from '../images/image-folder.ts';
import {
  openCheckpoint,
  requireErasable,
  requireGuidable,
  requireSizeFits,
} from '../families/checkpoint.ts';
import { drawingOf, sizeFacts } from '../methods/default-settings.ts';
import type { Device } from '../runtime/device.ts';
import { chooseDevice } from '../runtime/probe-device.ts';
import { type CompanionOptions, companionsIn, withBaseLoras } from './companion-options.ts';
import type { EvaluationTold } from './evaluation-reporter.ts';

/** The options of the command `knows`. */
export interface KnowsOptions extends CompanionOptions {
  readonly model: string;
  /** Of pictures those that lack captions, which are then one. */
  readonly prompt?: readonly string[];
  /** A folder of pictures of what is asked for. */
  readonly images?: string;
  readonly concept?: string;
  readonly count: number;
  readonly seed: number;
  readonly drawing: Partial<Drawing>;
  readonly prediction?: PredictionWish;
  readonly device: Device | 'auto';
  readonly threads?: number;
  readonly json?: true;
}

/**
 * Tells whether a model knows what prompts ask for.
 *
 * @throws AppError `prompt.invalid`, `settings.invalid`, `checkpoint.*`, `model.*`, `device.*`
 */
export async function askModel(
  options: KnowsOptions,
  tell: (event: EvaluationTold) => void,
): Promise<void> {
  const started = performance.now();
  const { count, seed } = options;
  const given = options.images === undefined ? undefined : await givenPictures(options);
  const prompts = given ? [...given.keys()] : (options.prompt ?? []);
  if (prompts.length === 0) {
    throw new AppError(
      'usage.invalid',
      'nothing is said of what to ask for. Add --prompt PROMPT…, or --images with a folder of pictures.',
    );
  }
  if (prompts.some((text) => text.trim() === '')) {
    throw new AppError('prompt.invalid', 'a prompt of --prompt is empty. Give one or more words.');
  }
  for (const message of checkSyntax(prompts)) tell({ event: 'warning', message });
  const concept = namedIn(prompts, options.concept);
  const checkpoint = await openCheckpoint(
    path.resolve(options.model),
    options.prediction,
    companionsIn(options),
  );
  try {
    requireErasable(checkpoint);
    await requireFiniteWeights(checkpoint.file, checkpoint.facts.tensors);
    const { facts } = checkpoint;
    const guess = joinGuesses(guessDrawing(checkpoint), guessFromPrompts(prompts));
    const drawing = {
      ...drawingOf({ ...sizeFacts(checkpoint), drawing: guess.draws }),
      ...options.drawing,
    };
    requireSizeFits(checkpoint, drawing);
    requireGuidable(checkpoint, drawing);
    for (const message of facts.prediction.remarks) tell({ event: 'notice', message });
    const known = await askKnowledge(
      await withBaseLoras(checkpoint, options),
      {
        ...{ prompts, concept, count, seed, drawing },
        ...(given && { given }),
        device: await chooseDevice(options.device),
        threads: options.threads ?? availableParallelism(),
      },
      {
        signal: new AbortController().signal,
        onProgress: (step, steps) => {
          const secondsPerStep = (performance.now() - started) / 1000 / step;
          const etaSeconds = secondsPerStep * (steps - step);
          tell({ event: 'progress', step, steps, secondsPerStep, etaSeconds });
        },
      },
    );
    tell({ event: 'knowledge', of: given ? 'given' : 'drawn', prompts: known });
  } finally {
    await checkpoint.close();
  }
  tell({ event: 'done', output: null, seconds: (performance.now() - started) / 1000 });
}

/**
 * The pictures of a folder by what they show: their captions, or the one prompt that is given for all that have none.
 *
 * @throws AppError `image.*`; `prompt.invalid` for a picture that nothing is said of
 */
async function givenPictures({
  images: folder = '',
  prompt: prompts = [],
}: KnowsOptions): Promise<Map<string, string[]>> {
  const [forAll, ...more] = prompts;
  const given = new Map<string, string[]>();
  for (const { file, caption } of await readImageFolder(path.resolve(folder))) {
    const shown = caption ?? (more.length === 0 ? forAll : undefined);
    if (shown === undefined) {
      throw new AppError(
        'prompt.invalid',
        `nothing says what "${file}" shows. Write it into a text file of the same name, or give one --prompt for all pictures without.`,
      );
    }
    given.set(shown, [...(given.get(shown) ?? []), file]);
  }
  return given;
}

/**
 * The words of all prompts that other names can take the place of.
 *
 * @throws AppError `prompt.invalid` where a prompt has none
 */
function namedIn(prompts: readonly string[], given: string | undefined): string {
  const concept = given ?? deriveConcept(prompts);
  const without = prompts.find((text) => !text.toLowerCase().includes(concept.toLowerCase()));
  if (concept !== '' && without === undefined) return concept;
  const lacking = without === undefined ? 'no words are shared' : `"${without}" does not have them`;
  throw new AppError(
    'prompt.invalid',
    `which words of the prompts name what is asked for${given === undefined ? ' is not known' : `, "${given}" does not say`}: ${lacking}. Say it with --concept, in words that stand in each prompt.`,
  );
}
