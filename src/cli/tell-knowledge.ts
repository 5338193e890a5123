import { availableParallelism } from 'node:os';
import path from 'node:path';

import type { PredictionWish } from '../diffusion/prediction-reading.ts';
import type { Drawing } from '../drawing/drawing.ts';
import { AppError } from '../errors.ts';
import { readImageFolder } from '../images/image-folder.ts';
import { askModel } from '../jobs/knowledge/ask-model.ts';
import type { Device } from '../runtime/device.ts';
import { type CompanionOptions, companionsIn } from './companion-options.ts';
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
export async function tellKnowledge(
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
  const known = await askModel(
    {
      ...{ prompts, given, count, seed, companions: companionsIn(options) },
      model: path.resolve(options.model),
      ...{ concept: options.concept, prediction: options.prediction, drawing: options.drawing },
      baseLoras: options.baseLora ?? [],
      device: options.device,
      threads: options.threads ?? availableParallelism(),
    },
    {
      onRemark: (event, message) => {
        tell({ event, message });
      },
      onProgress: (step, steps) => {
        const secondsPerStep = (performance.now() - started) / 1000 / step;
        const etaSeconds = secondsPerStep * (steps - step);
        tell({ event: 'progress', step, steps, secondsPerStep, etaSeconds });
      },
    },
  );
  tell({ event: 'knowledge', of: given ? 'given' : 'drawn', prompts: known });
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
