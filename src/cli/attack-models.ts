import { availableParallelism } from 'node:os';

import { attackOf } from '../attacks/registry.ts';
import { runAttack } from '../attacks/run-attack.ts';
import { guessFromPrompts } from '../drawing/drawing-guess.ts';
import { requireClassifier } from '../evaluation/classifier/classifier.ts';
import { chooseClassifier } from '../evaluation/classifier/judge-folder.ts';
import type { Device } from '../runtime/device.ts';
import { chooseDevice } from '../runtime/probe-device.ts';
import { attackedPrompts, type AttackWords } from './attacked-prompts.ts';
import type { EvaluationTold } from './evaluation-reporter.ts';
import { type JudgeOptions, readJudge } from './judge-options.ts';
import {
  drawingOfPair,
  type PairOptions,
  remarksOfPair,
  requirePair,
  withLorasOfPair,
  withPair,
} from './model-pair.ts';

/** The options of the command `attack`. */
export interface AttackOptions extends JudgeOptions, PairOptions, AttackWords {
  readonly steps: number;
  readonly count: number;
  readonly seed: number;
  /** Whose judges go by name; null where there is none. */
  readonly dataFolder: string | null;
  readonly device: Device | 'auto';
  readonly threads?: number;
  readonly json?: true;
}

/**
 * Tries to bring back what a model was made to forget, and tells how often it came.
 *
 * @throws AppError `usage.invalid`, `judge.*`, `prompt.invalid`, `settings.invalid`, `checkpoint.*`, `model.*`,
 *   `device.*`
 */
export async function attackModels(
  options: AttackOptions,
  tell: (event: EvaluationTold) => void,
): Promise<void> {
  const started = performance.now();
  const attack = attackOf(options.kind);
  const [wish] = readJudge(options);
  const classifier = wish ? await chooseClassifier(wish, options.dataFolder) : null;
  await withPair(options, async (pair) => {
    const { warnings, ...asked } = await attackedPrompts(options, pair.after, options.dataFolder);
    const { prompts } = asked;
    for (const message of warnings) tell({ event: 'warning', message });
    const drawn = drawingOfPair(
      pair,
      guessFromPrompts(prompts.map(({ prompt }) => prompt)),
      options,
    );
    await requirePair(pair);
    for (const message of remarksOfPair(pair, drawn)) tell({ event: 'notice', message });
    const device = await chooseDevice(options.device);
    const threads = options.threads ?? availableParallelism();
    if (classifier) await requireClassifier(classifier);
    const { before, after } = await withLorasOfPair(pair, options);
    const { steps, count, seed } = options;
    const begun = performance.now();
    const result = await runAttack(
      attack,
      { original: before, scrubbed: after },
      {
        ...{ ...asked, steps, count, seed },
        ...{ drawing: drawn.drawing, classifier, device, threads },
      },
      {
        signal: new AbortController().signal,
        onProgress: (done, total) => {
          const secondsPerStep = (performance.now() - begun) / 1000 / done;
          const etaSeconds = secondsPerStep * (total - done);
          tell({ event: 'progress', step: done, steps: total, secondsPerStep, etaSeconds });
        },
      },
    );
    tell({ event: 'attack', ...result });
    tell({ event: 'done', output: null, seconds: (performance.now() - started) / 1000 });
  });
}
