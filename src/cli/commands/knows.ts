import type { Command } from 'commander';

import { askAndReport } from '../ask-and-report.ts';
import type { KnowsOptions } from '../tell-knowledge.ts';
import { deviceOption, jsonOption, predictionOption, threadsOption } from '../common-options.ts';
import { addCompanionOptions } from '../companion-options.ts';
import type { CliContext } from '../context.ts';
import { addDrawingOptions, readDrawing } from '../drawing-options.ts';
import { withInterrupts } from '../interrupts.ts';
import { wholeNumber } from '../parse-option.ts';

const worker = new URL('../knows-worker.ts', import.meta.url);

/** `erase-concept knows`: whether there is anything to erase. */
export function addKnowsCommand(program: Command, { terminal }: CliContext): void {
  const command = program
    .command('knows')
    .description(
      'Tell whether a model knows what prompts ask for, held against names that it cannot know. Nothing leaves this machine.',
    )
    .requiredOption('--model <file>', 'the checkpoint, a file or a diffusers folder')
    .option(
      '--prompt <prompt...>',
      'prompts that would draw it; of pictures, what those without captions show',
    )
    .option(
      '--images <folder>',
      'pictures of it, with captions in NAME.txt, .caption or .json, that are judged in the place of drawn ones',
    )
    .option(
      '--concept <words>',
      'the words of the prompts that invented names take the place of (default: what they share)',
    )
    .option('--count <n>', 'pictures of each prompt and name', wholeNumber(2), 8)
    .option('--seed <n>', 'of names and pictures', wholeNumber(0), 0);
  addCompanionOptions(command);
  command.optionsGroup('How it is drawn (guessed by the model):');
  addDrawingOptions(command);
  command.optionsGroup('Options:');
  command
    .addOption(predictionOption())
    .addOption(deviceOption())
    .addOption(threadsOption())
    .addOption(jsonOption())
    .action((options: Omit<KnowsOptions, 'drawing'>) =>
      withInterrupts(({ cancel }) => {
        const question: KnowsOptions = { ...options, drawing: readDrawing(options) };
        return askAndReport(worker, question, { terminal, purpose: 'the question', cancel });
      }),
    );
}
