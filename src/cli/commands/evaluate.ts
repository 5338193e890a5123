import type { Command } from 'commander';

import { askAndReport } from '../ask-and-report.ts';
import { classesOption } from '../class-option.ts';
import { addCompanionOptions } from '../companion-options.ts';
import { deviceOption, jsonOption, predictionOption, threadsOption } from '../common-options.ts';
import type { CliContext } from '../context.ts';
import type { EvaluateOptions } from '../evaluate-models.ts';
import { withInterrupts } from '../interrupts.ts';
import { addJudgeOptions } from '../judge-options.ts';
import { addDrawingOptions, readDrawing } from '../drawing-options.ts';
import { wholeNumber } from '../parse-option.ts';

const worker = new URL('../evaluate-worker.ts', import.meta.url);

/** `erase-concept evaluate`: how much was erased and how much was kept. */
export function addEvaluateCommand(program: Command, { terminal, config }: CliContext): void {
  const command = program
    .command('evaluate')
    .description(
      'Measure how much was erased and how much was kept: both models draw the same pictures, the original judges them.',
    )
    .requiredOption('--before <file>', 'the original checkpoint, a file or a diffusers folder')
    .requiredOption('--after <file>', 'the scrubbed one')
    .option('--forget <prompt...>', 'prompts that draw the concept')
    .addOption(classesOption('--forget-class <n...>', 'classes that were to be forgotten'))
    .addOption(
      classesOption('--keep-class <n...>', 'classes that should be kept (default: all others)'),
    )
    .option(
      '--retain <prompt...>',
      'prompts that should be kept (default: a neutral set and the anchors)',
    )
    .option(
      '--anchor <prompt>',
      'what all forgotten prompts are told from (default: each without the concept)',
    )
    .option('--concept <words>', 'what the forget prompts are about (default: what they share)')
    .option('--count <n>', 'pictures of each prompt, with seeds from --seed on', wholeNumber(1), 4)
    .option('--seed <n>', 'the first seed', wholeNumber(0), 0)
    .option('--out <folder>', 'writes the pictures and a before/after sheet there');
  addCompanionOptions(command);
  addJudgeOptions(command);
  command.optionsGroup('How it is drawn (guessed by the original):');
  addDrawingOptions(command);
  command.optionsGroup('Options:');
  command
    .addOption(predictionOption())
    .addOption(deviceOption())
    .addOption(threadsOption())
    .addOption(jsonOption())
    .action((options: EvaluateOptions) =>
      withInterrupts(({ cancel }) => {
        // The data folder is no option: who has no folder of judges needs none.
        const { dataFolder } = config;
        const question = { ...options, drawing: readDrawing(options), dataFolder };
        const folder = options.out;
        return askAndReport(worker, question, {
          ...{ terminal, purpose: 'the evaluation', cancel, folder },
        });
      }),
    );
}
