import { mkdtemp, mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { type Checkpoint, openCheckpoint } from '../families/checkpoint.ts';
import { describeEvaluation } from '../cli/describe-evaluation.ts';
import { createEraseReporter } from '../cli/erase-reporter.ts';
import { openTerminal } from '../cli/terminal.ts';
import { tinyClassifiers } from '../evaluation/classifier/judge-folder.ts';
import { drawingOf } from '../methods/default-settings.ts';
import { evaluate } from '../evaluation/evaluate.ts';
import type { Evaluation } from '../evaluation/evaluation.ts';
import { type ContactSheetRow, buildContactSheet } from '../images/contact-sheet.ts';
import { FolderRepository } from '../jobs/local/folder-repository.ts';
import { prepareJob } from '../jobs/request/prepare-job.ts';
import { runOwnJob } from '../jobs/local/run-own-job.ts';
import { presetFolders } from '../presets/load-presets.ts';

// Erases one style from the tiny model that ships with the program, has both models draw other prompts,
// lets the model's classifiers judge what was forgotten and what was kept, and writes a sheet of
// pictures. Exits with 1 if it went wrong.

const threads = availableParallelism();
const forgottenStyle = 'Pontilla';
const keptStyles = ['photo', 'Strivo', 'Krossan', 'Flatto', 'Blurrin'];
const subjects = ['circle', 'square', 'triangle', 'star', 'heart', 'cross', 'ring', 'moon'];
const colours = ['red', 'orange', 'yellow', 'green', 'cyan', 'blue', 'purple', 'pink'];
/** At most this share of the forgotten prompts may still show the style, */
const forgottenLimit = 0.1;
/** and this much of what was right before may be lost. */
const keptLimit = 0.1;

const at = (list: readonly string[], i: number) => list[i % list.length] ?? '';

/** A thing in a style and without it: each subject in its turn, with one colour after another. */
function thing(style: string, i: number): { prompt: string; anchor: string } {
  const anchor = `a ${at(colours, 3 * i + Math.floor(i / 8))} ${at(subjects, i)}`;
  const prompt = style === 'photo' ? `a photo of ${anchor}` : `${anchor} in the style of ${style}`;
  return { prompt, anchor };
}

/** Pictures to draw: each subject twice in the forgotten style, three times in others. */
const forget = Array.from({ length: 16 }, (_, i) => thing(forgottenStyle, i));
const retain = Array.from({ length: 25 }, (_, i) => thing(at(keptStyles, i), i).prompt);

async function erase(model: string, outputFolder: string): Promise<string> {
  const dataFolder = path.join(outputFolder, 'data');
  const { draft, job } = await prepareJob(
    {
      model,
      preset: 'pontilla',
      variables: {},
      forget: [],
      forgetImages: undefined,
      retain: [],
      retainImages: undefined,
      anchor: undefined,
      concept: undefined,
      // It is judged here, by more pictures.
      settings: { evaluationPictures: 0 },
      device: 'cpu',
      threads,
      output: path.join(outputFolder, 'tiny-sd-without-pontilla.safetensors'),
    },
    {
      dataFolder,
      presetFolders: presetFolders(dataFolder),
      chooseDevice: () => Promise.resolve('cpu'),
    },
  );
  const folder = await new FolderRepository(dataFolder).addPrepared(draft, job);
  const reporter = createEraseReporter(openTerminal(), false);
  reporter.start(folder.job, folder.path);
  const never = new AbortController().signal;
  try {
    await runOwnJob(folder, {
      onEvent: (event) => {
        reporter.report(event);
      },
      cancel: never,
      kill: never,
    });
  } finally {
    reporter.stop();
  }
  return folder.job.output;
}

/** What the judges say of pictures by both models. @param rows takes the pictures for a sheet */
function compare(
  before: Checkpoint,
  after: Checkpoint,
  rows: ContactSheetRow[],
): Promise<Evaluation> {
  const classifiers = tinyClassifiers.map((classifier) => ({
    ...classifier,
    classes: classifier.name === 'tiny-style' ? [forgottenStyle] : [],
  }));
  const settings = {
    ...{ forget, retain, count: 1, seed: 1000, classifiers },
    drawing: { ...drawingOf({ size: 64, modelChannels: before.denoiser.width }), drawSteps: 12 },
    ...{ device: 'cpu' as const, threads },
  };
  return evaluate(before, after, settings, {
    signal: new AbortController().signal,
    onPictures: ({ prompt: label, before: was, after: is }) => {
      rows.push({ label, images: [was, is] });
      return Promise.resolve();
    },
  });
}

/** Whether the style is gone and everything else still there, to the classifiers. */
function isAsItShould({ figures }: Evaluation): boolean {
  const isGone = figures.some(
    ({ id, after }) => /^classifier.*\.shown$/.test(id) && after <= forgottenLimit,
  );
  const kept = figures.filter(({ id }) => id.endsWith('.named'));
  const areKept = kept.every(({ before, after }) => before !== null && after >= before - keptLimit);
  return isGone && kept.length === tinyClassifiers.length && areKept;
}

await mkdir('demo-output', { recursive: true });
const outputFolder = await mkdtemp(path.join('demo-output', 'run-'));
const model = path.resolve(import.meta.dirname, '../../presets/tiny-sd/tiny-sd.safetensors');
const output = await erase(model, outputFolder);
const [before, after] = [await openCheckpoint(model), await openCheckpoint(output)];
const rows: ContactSheetRow[] = [];
const evaluation = await compare(before, after, rows);
await before.close();
await after.close();

const line = (text: string) => process.stdout.write(`${text}\n`);
line('');
line(`Judged by the original and by the classifiers that come with the tiny model:`);
line(describeEvaluation(evaluation));
const shown = [0, 3, 6, 9, 16, 17, 18, 19].flatMap((i) => rows[i] ?? []);
const sheet = path.join(outputFolder, 'before-after.png');
await writeFile(sheet, await buildContactSheet({ columnTitles: ['before', 'after'], rows: shown }));
line(`Pictures: ${sheet}`);
line(`Scrubbed model: ${output}`);

const isDone = isAsItShould(evaluation);
if (!isDone) {
  line('The demo did not reach what it should: the concept is still there, or too much was lost.');
}
process.exit(isDone ? 0 : 1);
