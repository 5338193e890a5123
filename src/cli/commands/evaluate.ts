import path from 'node:path';
import type { Command } from 'commander';

import { AppError } from '../../errors.ts';
import type { Device } from '../../runtime/device.ts';
import { deviceOption, jsonOption, threadsOption } from '../common-options.ts';
import type { CliContext } from '../context.ts';
import { formatTable } from '../format.ts';
import { untilAborted, withInterrupts } from '../interrupts.ts';
import { realNumber, wholeNumber } from '../parse-option.ts';
import { printJson, printLine } from '../terminal.ts';

/** What is compared with what. */
export interface EvaluationRequest {
  /** Paths of the two checkpoints. */
  readonly before: string;
  readonly after: string;
  readonly forget: readonly string[];
  readonly retain: readonly string[];
  /** Pictures of each prompt, with seeds from `seed` on. */
  readonly count: number;
  readonly seed: number;
  readonly steps: number;
  readonly guidanceScale: number;
  /** Undefined for the model's own. */
  readonly size: number | undefined;
  readonly device: Device;
  readonly threads: number | undefined;
}

/** Figures by their names, for the prompts that were forgotten and for those that were kept. */
export interface EvaluationReport {
  readonly forget: Readonly<Record<string, number>>;
  readonly retain: Readonly<Record<string, number>>;
}

/** Pictures done, of all. */
export interface EvaluationProgress {
  readonly done: number;
  readonly total: number;
}

export type Evaluate = (
  request: EvaluationRequest,
  onProgress: (progress: EvaluationProgress) => void,
) => Promise<EvaluationReport>;

interface EvaluateOptions {
  readonly before: string;
  readonly after: string;
  readonly forget: readonly string[];
  readonly retain: readonly string[];
  readonly count: number;
  readonly seed: number;
  readonly steps: number;
  readonly cfg: number;
  readonly size?: number;
  readonly device: Device | 'auto';
  readonly threads?: number;
  readonly json?: true;
}

/** `erase-concept evaluate`: how much was erased and how much was kept. */
export function addEvaluateCommand(
  program: Command,
  context: CliContext,
  evaluate: Evaluate,
): void {
  program
    .command('evaluate')
    .description('Compare a scrubbed model with its original: what was erased, what was kept.')
    .requiredOption('--before <file>', 'the original checkpoint')
    .requiredOption('--after <file>', 'the scrubbed one')
    .requiredOption('--forget <prompt...>', 'prompts that should draw something else now')
    .requiredOption('--retain <prompt...>', 'prompts that should draw the same as before')
    .option('--count <n>', 'pictures of each prompt and model', wholeNumber(1), 4)
    .option('--seed <n>', 'the first seed', wholeNumber(0), 0)
    .option('--steps <n>', 'sampling steps', wholeNumber(1), 20)
    .option('--cfg <x>', 'guidance scale', realNumber(1), 7.5)
    .option('--size <pixels>', "width and height (default: the model's own)", wholeNumber(1))
    .addOption(deviceOption())
    .addOption(threadsOption())
    .addOption(jsonOption())
    .action((options: EvaluateOptions) =>
      withInterrupts(({ cancel }) =>
        untilAborted(runEvaluation(options, { ...context, evaluate }), cancel),
      ),
    );
}

async function runEvaluation(
  options: EvaluateOptions,
  { terminal, chooseDevice, evaluate }: CliContext & { evaluate: Evaluate },
): Promise<void> {
  const { before, after, cfg: guidanceScale, device, size, threads, json, ...rest } = options;
  if ([...rest.forget, ...rest.retain].some((prompt) => prompt.trim() === '')) {
    throw new AppError('prompt.invalid', 'a prompt is empty. Give one or more words.');
  }
  const request: EvaluationRequest = {
    ...rest,
    before: path.resolve(before),
    after: path.resolve(after),
    guidanceScale,
    size,
    threads,
    device: await chooseDevice(device),
  };
  const report = await evaluate(request, (progress) => {
    if (json) printJson(terminal, { event: 'evaluated', ...progress });
    else printLine(terminal.stdout, `picture ${progress.done}/${progress.total}`);
  });
  if (json) printJson(terminal, { event: 'done', ...report });
  else printLine(terminal.stdout, describe(report));
}

function describe({ forget, retain }: EvaluationReport): string {
  const rows = (prompts: string, figures: Readonly<Record<string, number>>) =>
    Object.entries(figures).map(([name, value]) => [prompts, name, value.toFixed(4)]);
  return formatTable([...rows('forgotten', forget), ...rows('kept', retain)]);
}
