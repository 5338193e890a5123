import { mkdtemp, mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { createEraseReporter } from '../cli/erase-reporter.ts';
import { openTerminal } from '../cli/terminal.ts';
import { buildContactSheet } from '../images/contact-sheet.ts';
import { createJobFolder } from '../jobs/job-folder.ts';
import { prepareJob } from '../jobs/prepare-job.ts';
import { runJobFolder } from '../jobs/run-job.ts';
import { formatShare } from '../format.ts';
import { presetFolders } from '../presets/load-presets.ts';
import { Judge, tinyTraits } from './judge.ts';
import { answer, question, share, tinyModelFolder, type Answer, type Question } from './score.ts';

// Erases one style from the tiny model that ships with the program, counts with its classifiers what
// was forgotten and what was kept, and writes a sheet of pictures. Exits with 1 if it went wrong.

const threads = availableParallelism();
const forgottenStyle = 'Pontilla';
/** At most this share of the forgotten prompts may still show the style, */
const forgottenLimit = 0.1;
/** and this much of what was right before may be lost. */
const keptLimit = 0.1;

/** Pictures to draw: each subject once in the forgotten style, twice in others. */
function questions({ labels }: Judge): { forget: Question[]; retain: Question[] } {
  const ask = (style: string, i: number): Question => {
    const subject = labels.subject[i % labels.subject.length] ?? '';
    const colour = labels.colour[(3 * i + Math.floor(i / 8)) % labels.colour.length] ?? '';
    return question({ subject, colour, style }, 1000 + i);
  };
  const kept = labels.style.filter((style) => style !== forgottenStyle);
  return {
    forget: Array.from({ length: 16 }, (_, i) => ask(forgottenStyle, i)),
    retain: Array.from({ length: 25 }, (_, i) => ask(kept[i % kept.length] ?? '', i)),
  };
}

async function erase(model: string, outputFolder: string): Promise<string> {
  const dataFolder = path.join(outputFolder, 'data');
  const { concept, job } = await prepareJob(
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
      settings: {},
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
  const folder = await createJobFolder(dataFolder, concept, job);
  const reporter = createEraseReporter(openTerminal(), false);
  reporter.start(folder.job, folder.path);
  const never = new AbortController().signal;
  try {
    await runJobFolder(folder, {
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

await mkdir('demo-output', { recursive: true });
const outputFolder = await mkdtemp(path.join('demo-output', 'run-'));
const model = path.join(tinyModelFolder, 'tiny-sd.safetensors');
const judge = await Judge.create(tinyModelFolder, tinyTraits, threads);
const { forget, retain } = questions(judge);
const drawing = { steps: 12, sampler: 'DPM++ 2M' } as const;
const before = await answer(model, [...forget, ...retain], judge, drawing);
const output = await erase(model, outputFolder);
const after = await answer(output, [...forget, ...retain], judge, drawing);
await judge.release();

const count = forget.length;
const split = (answers: readonly Answer[]) =>
  [answers.slice(0, count), answers.slice(count)] as const;
const [forgetBefore, retainBefore] = split(before);
const [forgetAfter, retainAfter] = split(after);
const line = (text: string) => process.stdout.write(`${text}\n`);
line('');
line(`Counted by the classifiers that ship with the tiny model (${before.length} pictures each):`);
line(
  `  forgotten prompts that show ${forgottenStyle}: ${formatShare(share(forgetBefore, 'style'))} before, ${formatShare(share(forgetAfter, 'style'))} after`,
);
for (const trait of ['style', 'subject', 'colour'] as const) {
  line(
    `  kept prompts with the right ${trait}: ${formatShare(share(retainBefore, trait))} before, ${formatShare(share(retainAfter, trait))} after`,
  );
}
const rows = [0, 3, 6, 9, count, count + 1, count + 2, count + 3].map((i) => ({
  label: before[i]?.prompt ?? '',
  images: [before[i]?.image, after[i]?.image].filter((image) => image !== undefined),
}));
const sheet = path.join(outputFolder, 'before-after.png');
await writeFile(sheet, await buildContactSheet({ columnTitles: ['before', 'after'], rows }));
line(`Pictures: ${sheet}`);
line(`Scrubbed model: ${output}`);

const isForgotten = share(forgetAfter, 'style') <= forgottenLimit;
const isKept = (['style', 'subject', 'colour'] as const).every(
  (trait) => share(retainAfter, trait) >= share(retainBefore, trait) - keptLimit,
);
if (!isForgotten || !isKept) {
  line('The demo did not reach what it should: the concept is still there, or too much was lost.');
}
process.exit(isForgotten && isKept ? 0 : 1);
