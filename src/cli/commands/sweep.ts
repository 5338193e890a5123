import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { type Command } from 'commander';

import { replaceFile } from '../../checkpoint/atomic-file.ts';
import { AppError } from '../../errors.ts';
import { requireJobsFolder } from '../../jobs/local/job-folder.ts';
import { acquireJobLock } from '../../jobs/local/job-lock.ts';
import type { EraseRequest } from '../../jobs/request/draft-job.ts';
import type { Combination } from '../../jobs/sweep/read-sweep.ts';
import type { SweepPlace, SweepResult } from '../../jobs/sweep/run-sweep.ts';
import type { Device } from '../../runtime/device.ts';
import { dataOption, deviceOption, jsonOption, threadsOption } from '../common-options.ts';
import type { CliContext } from '../context.ts';
import { type Interrupts, untilAborted } from '../interrupts.ts';
import { endingHelp, withCancelNotice } from '../run-to-the-end.ts';
import { addSharedOptions, readShared, type SharedOptions } from '../shared-options.ts';
import { sweepHere } from '../sweep-here.ts';
import { printLine } from '../terminal.ts';

interface SweepOptions extends SharedOptions {
  readonly out?: string;
  readonly device: Device | 'auto';
  readonly threads?: number;
  readonly data: string;
  readonly json?: true;
}

/** `erase-concept sweep`: concepts × models × settings, with one table at the end. */
export function addSweepCommand(program: Command, context: CliContext): void {
  const command = program
    .command('sweep')
    .description(
      'Erase each of several concepts from each of several models with each of several settings.',
    )
    .argument('<file>', 'YAML with models, concepts or presets, and settings');
  addSharedOptions(command, context.config.shared)
    .option(
      '--out <folder>',
      'where its table and its results are (default: sweeps/FILE of the data folder)',
    )
    .addOption(deviceOption())
    .addOption(threadsOption())
    .addOption(dataOption(context.config.dataFolder))
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `${endingHelp}\nThe same command goes on with a sweep: what is done is not done again, what was added to the file is.`,
    )
    .action((file: string, options: SweepOptions) =>
      sweep(file, options, { context, shared: readShared(options, command) }),
    );
}

async function sweep(
  file: string,
  options: SweepOptions,
  { context, shared }: { context: CliContext; shared: ReturnType<typeof readShared> },
): Promise<void> {
  await requireJobsFolder(options.data);
  // Loaded here, not at the start: other commands need not wait for it.
  const { readSweep } = await import('../../jobs/sweep/read-sweep.ts');
  const { runSweep } = await import('../../jobs/sweep/run-sweep.ts');
  const { isServerSweep, sweepsFolderOf } = await import('../../jobs/sweep/sweep-folder.ts');
  const combinations = await readSweep(file);
  const title = path.basename(file).replace(/\.[^.]+$/, '');
  const folder = path.resolve(options.out ?? path.join(sweepsFolderOf(options.data), title));
  if (await isServerSweep(folder)) {
    throw new AppError(
      'sweep.exists',
      `"${folder}" is a sweep of the page: go on with it there, or choose another folder with --out.`,
    );
  }
  await mkdir(path.join(folder, 'models'), { recursive: true });
  const lock = await lockSweep(folder);
  try {
    await withCancelNotice(context.terminal, async (interrupts) => {
      const place = await openPlace(options, { folder, shared, context, interrupts });
      try {
        const results = await runSweep(combinations, {
          ...{ folder, place, cancel: interrupts.cancel },
          requestOf: (combination) => requestOf(combination, { folder, options }),
          onBegin: ({ model, subject, settingsName }, number) => {
            if (options.json) return;
            const what = `${subject.name} from ${path.basename(model)}, ${settingsName}`;
            printLine(context.terminal.stdout, `${number} of ${combinations.length}: ${what}`);
          },
        });
        await tell(results, {
          ...{ title, folder, context, json: options.json === true },
          isCancelled: interrupts.cancel.aborted,
        });
      } finally {
        await place.close?.();
      }
    });
  } finally {
    await lock.release();
  }
}

async function lockSweep(folder: string) {
  try {
    return await acquireJobLock(folder, process.pid);
  } catch (cause) {
    if (!(cause instanceof AppError)) throw cause;
    throw new AppError(
      'data.in-use',
      `this sweep is being done already, in "${folder}". Wait for it, or choose another folder with --out.`,
      { cause },
    );
  }
}

interface OpenOptions {
  readonly folder: string;
  readonly shared: ReturnType<typeof readShared>;
  readonly context: CliContext;
  readonly interrupts: Interrupts;
}

async function openPlace(
  { data, json }: SweepOptions,
  { folder, shared, context, interrupts }: OpenOptions,
): Promise<SweepPlace & { close?: () => Promise<void> }> {
  if (!shared) {
    return sweepHere({ dataFolder: data, context, interrupts, json: json === true });
  }
  const { openQueueSweep } = await import('../../jobs/redis/queue-sweep.ts');
  const { cancel, kill } = interrupts;
  const place = await openQueueSweep({ ...shared, folder, dataFolder: data, cancel });
  // Workers that do not answer, or a model on its way to the store, are not waited for then.
  return { ...place, work: (...work) => untilAborted(place.work(...work), kill) };
}

function requestOf(
  { model, subject, retain, settings }: Combination,
  { folder, options }: { folder: string; options: SweepOptions },
): EraseRequest {
  return {
    ...{ model, settings, retain, forget: [], forgetImages: undefined, retainImages: undefined },
    preset: subject.kind === 'preset' ? subject.name : undefined,
    variables: subject.kind === 'preset' ? subject.variables : {},
    concepts: subject.kind === 'concept' ? [subject.concept] : [],
    ...{ anchor: undefined, concept: undefined, heldBack: [] },
    ...{ device: options.device, threads: options.threads },
    ...{ output: undefined, outputFolder: path.join(folder, 'models') },
  };
}

interface Telling {
  readonly title: string;
  readonly folder: string;
  readonly context: CliContext;
  readonly json: boolean;
  readonly isCancelled: boolean;
}

/** Writes the tables. @throws AppError `job.cancelled` or `job.incomplete` where not all is done */
async function tell(
  results: readonly SweepResult[],
  { title, folder, context, json, isCancelled }: Telling,
): Promise<void> {
  const { rowsOf } = await import('../../jobs/sweep/summarize-sweep.ts');
  const { sweepCsv } = await import('../../jobs/sweep/sweep-csv.ts');
  const { sweepPage } = await import('../../jobs/sweep/sweep-page.ts');
  const rows = rowsOf(results);
  const csv = path.join(folder, 'summary.csv');
  const page = path.join(folder, 'summary.html');
  await replaceFile(csv, sweepCsv(rows));
  await replaceFile(page, await sweepPage(title, rows));
  const count = (state: (typeof rows)[number]['state']) =>
    rows.filter((row) => row.state === state).length;
  const [done, failed] = [count('done'), count('failed')];
  const line = json
    ? JSON.stringify({ event: 'sweep', all: rows.length, done, failed, csv, page })
    : `${done} of ${rows.length} erasures are done: ${page}`;
  printLine(context.terminal.stdout, line);
  if (done === rows.length) return;
  const rest = `${rows.length - done} of ${rows.length} erasures are not done`;
  if (isCancelled) {
    throw new AppError('job.cancelled', `cancelled: ${rest}. The same command goes on with them.`);
  }
  throw new AppError(
    'job.incomplete',
    `${rest}: "${page}" says why. The same command tries them again.`,
  );
}
