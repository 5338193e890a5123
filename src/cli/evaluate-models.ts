import { availableParallelism } from 'node:os';
import path from 'node:path';

import { guessFromPrompts } from '../drawing/drawing-guess.ts';
import { otherClipSkip } from '../drawing/other-clip-skip.ts';
import { type Drawing, generationOf } from '../drawing/drawing.ts';
import { writeNewFile } from '../checkpoint/atomic-file.ts';
import { modelTitle } from '../checkpoint/output-path.ts';
import { wordOf } from '../tokenizer/learned-words.ts';
import { requireClassifier } from '../evaluation/classifier/classifier.ts';
import { chooseClassifier } from '../evaluation/classifier/judge-folder.ts';
import type { PicturePair } from '../evaluation/evaluator.ts';
import { evaluate } from '../evaluation/evaluate.ts';
import { listPictures, type EvaluationPicture } from '../evaluation/pictures.ts';
import { buildContactSheet, type ContactSheetRow } from '../images/contact-sheet.ts';
import { encodeGeneratedPng } from '../images/generated-png.ts';
import { classPrompt } from '../families/class-prompts.ts';
import { requireClasses } from '../families/checkpoint.ts';
import type { Asks } from '../families/family.ts';
import { preparePrompts } from '../jobs/request/prepare-prompts.ts';
import type { PreparedPrompts } from '../jobs/request/prompt-request.ts';
import type { Device } from '../runtime/device.ts';
import { chooseDevice } from '../runtime/probe-device.ts';
import type { EvaluationTold } from './evaluation-reporter.ts';
import { type JudgeOptions, readJudge } from './judge-options.ts';
import {
  drawingOfPair,
  type ModelPair,
  type PairOptions,
  remarksOfPair,
  requirePair,
  withLorasOfPair,
  withPair,
} from './model-pair.ts';
import { preparePictureFolder } from './picture-folder.ts';

/** The options of the command `evaluate`. */
export interface EvaluateOptions extends JudgeOptions, PairOptions {
  readonly forget?: readonly string[];
  /** Classes, of models that have some. */
  readonly forgetClass?: readonly number[];
  readonly keepClass?: readonly number[];
  readonly retain?: readonly string[];
  readonly anchor?: string;
  readonly concept?: string;
  readonly count: number;
  readonly seed: number;
  readonly out?: string;
  /** Whose judges go by name; null where there is none. */
  readonly dataFolder: string | null;
  readonly device: Device | 'auto';
  readonly threads?: number;
  readonly json?: true;
}

/** Rows of the contact sheet for each of the two kinds of prompts: what still fits on a screen. */
const sheetRows = 12;

/**
 * Measures how much was erased and how much was kept, and tells it.
 *
 * @throws AppError `usage.invalid`, `judge.*`, `prompt.invalid`, `settings.invalid`, `checkpoint.*`, `model.*`,
 *   `output.exists`, `output.unwritable`, `device.*`
 */
export async function evaluateModels(
  options: EvaluateOptions,
  tell: (event: EvaluationTold) => void,
): Promise<void> {
  const started = performance.now();
  const wishes = readJudge(options);
  const classifiers = await Promise.all(
    wishes.map((wish) => chooseClassifier(wish, options.dataFolder)),
  );
  // What is wrong with the prompts is told before any model is opened, which may be asked in another style.
  const ofPrompts = guessFromPrompts(options.forget ?? []);
  const { promptStyle = 'sentences' } = { ...ofPrompts.draws, ...options.drawing };
  const told = isOfWords(options) ? await askedPrompts(options, { promptStyle }) : null;
  for (const message of told?.warnings ?? []) tell({ event: 'warning', message });
  await withPair(options, async (pair) => {
    const drawn = drawingOfPair(pair, ofPrompts, options);
    const { drawing } = drawn;
    const isTold = told !== null && drawing.promptStyle === promptStyle;
    const { forget, retain } = await promptsOfPair(pair, {
      ...{ options, drawing, told: isTold ? told : null },
    });
    const { count, seed } = options;
    const asked = { forget, retain, count, seed };
    const folder = options.out === undefined ? null : path.resolve(options.out);
    await requirePair(pair);
    if (folder !== null) await prepareFolder(folder, listPictures(asked));
    for (const message of remarksOfPair(pair, drawn)) tell({ event: 'notice', message });
    const device = await chooseDevice(options.device);
    const threads = options.threads ?? availableParallelism();
    for (const classifier of classifiers) await requireClassifier(classifier);
    const settings = {
      ...{ ...asked, drawing, classifiers, device, threads },
      otherClipSkip: otherClipSkip(pair.before, drawing),
    };
    const pictures = folder === null ? null : new PictureFolder(folder, { options, drawing, tell });
    const begun = performance.now();
    await pair.before.codec.requireFitting({ device: 'cpu', threads });
    const { before, after } = await withLorasOfPair(pair, options);
    const evaluation = await evaluate(before, after, settings, {
      signal: new AbortController().signal,
      onPhase: (phase) => {
        tell({ event: 'phase', phase });
      },
      onProgress: (step, steps) => {
        const secondsPerStep = (performance.now() - begun) / 1000 / step;
        const etaSeconds = secondsPerStep * (steps - step);
        tell({ event: 'progress', step, steps, secondsPerStep, etaSeconds });
      },
      ...(pictures && {
        onPictures: (pair) => pictures.write(pair),
      }),
    });
    await pictures?.finish();
    tell({ event: 'evaluation', ...evaluation });
    tell({ event: 'done', output: folder, seconds: (performance.now() - started) / 1000 });
  });
}

/** Whether classes are asked for, of which only the model tells what they are. */
function isOfWords({ forget = [], forgetClass = [] }: EvaluateOptions): boolean {
  return forget.length > 0 && forgetClass.length === 0;
}

/** What was told before the model was opened, or what the model can be asked. */
async function promptsOfPair(
  { before }: ModelPair,
  { options, drawing, told }: PromptSources,
): Promise<PreparedPrompts> {
  const { asks } = before.condition;
  if (options.forgetClass ?? options.keepClass) requireClasses(before);
  return told !== null && asks.kind === 'words' ? told : askedPrompts(options, drawing, asks);
}

interface PromptSources {
  readonly options: EvaluateOptions;
  readonly drawing: Drawing;
  readonly told: PreparedPrompts | null;
}

function askedPrompts(
  options: EvaluateOptions,
  { promptStyle }: Pick<Drawing, 'promptStyle'>,
  asks?: Asks,
) {
  const { anchor, concept, forgetEmbedding = [] } = options;
  const request = {
    forget: [...(options.forget ?? []), ...(options.forgetClass ?? []).map(classPrompt)],
    retain: [...(options.retain ?? []), ...(options.keepClass ?? []).map(classPrompt)],
    ...{ anchor, concept, style: promptStyle },
  };
  return preparePrompts(
    {
      ...request,
      ...{ forgetImages: undefined, retainImages: undefined },
      learned: forgetEmbedding.map(wordOf),
    },
    undefined,
    'concept',
    asks,
  );
}

type Which = 'before' | 'after';

function fileOf(folder: string, { role, number, seed }: EvaluationPicture, which: Which): string {
  return path.join(folder, `${role}-${number}-${seed}-${which}.png`);
}

function sheetOf(folder: string): string {
  return path.join(folder, 'before-after.png');
}

async function prepareFolder(
  folder: string,
  pictures: readonly EvaluationPicture[],
): Promise<void> {
  const files = pictures.flatMap((picture) => [
    fileOf(folder, picture, 'before'),
    fileOf(folder, picture, 'after'),
  ]);
  await preparePictureFolder(folder, [sheetOf(folder), ...files]);
}

interface PictureFolderSettings {
  readonly options: EvaluateOptions;
  readonly drawing: Drawing;
  readonly tell: (event: EvaluationTold) => void;
}

/** Writes the pictures of an evaluation, and a sheet that shows the first ones side by side. */
class PictureFolder {
  private readonly folder: string;
  private readonly settings: PictureFolderSettings;
  private readonly rows = new Map<string, ContactSheetRow>();

  constructor(folder: string, settings: PictureFolderSettings) {
    this.folder = folder;
    this.settings = settings;
  }

  async write(pair: PicturePair): Promise<void> {
    const { role, number, prompt, seed } = pair;
    const { options, drawing, tell } = this.settings;
    for (const which of ['before', 'after'] as const) {
      const file = fileOf(this.folder, pair, which);
      const png = await encodeGeneratedPng(pair[which], {
        ...generationOf(drawing, prompt),
        seed,
        model: modelTitle(options[which]),
      });
      await writeNewFile(file, png);
      tell({ event: 'sample', file, prompt, which });
    }
    const row = `${role} ${number}`;
    if (number >= sheetRows || this.rows.has(row)) return;
    const label = `${role === 'forget' ? 'forgotten' : 'kept'}: ${prompt}`;
    this.rows.set(row, { label, images: [pair.before, pair.after] });
  }

  async finish(): Promise<void> {
    const sheet = await buildContactSheet({
      columnTitles: ['before', 'after'],
      rows: [...this.rows.values()],
    });
    await writeNewFile(sheetOf(this.folder), sheet);
  }
}
