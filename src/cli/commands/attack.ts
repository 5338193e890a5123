import { type Command, Option } from 'commander';

import { attackDefaults } from '../../attacks/attack-defaults.ts';
import { attacks } from '../../attacks/registry.ts';
import { askAndReport } from '../ask-and-report.ts';
import type { AttackOptions } from '../attack-models.ts';
import {
  dataOption,
  deviceOption,
  jsonOption,
  predictionOption,
  threadsOption,
} from '../common-options.ts';
import { addCompanionOptions } from '../companion-options.ts';
import type { CliContext } from '../context.ts';
import { addDrawingOptions, readDrawing } from '../drawing-options.ts';
import { withInterrupts } from '../interrupts.ts';
import { addJudgeOptions } from '../judge-options.ts';
import { wholeNumber } from '../parse-option.ts';

const worker = new URL('../attack-worker.ts', import.meta.url);

/** As commander gives them: the models by the names that the options have. */
type GivenOptions = Omit<AttackOptions, 'before' | 'after' | 'drawing' | 'dataFolder'> & {
  readonly original: string;
  readonly model: string;
  readonly data?: string;
};

/** `erase-concept attack`: whether what was forgotten comes back. */
export function addAttackCommand(program: Command, context: CliContext): void {
  const kinds = attacks.map(({ id, words }) => `${id}: ${words.help}`).join(' ');
  const command = program
    .command('attack')
    .description(
      'Try to bring back what a model was made to forget: how often it comes, beside the original. No promise of safety.',
    )
    .requiredOption('--original <file>', 'the original checkpoint, a file or a diffusers folder')
    .requiredOption('--model <file>', 'the scrubbed one')
    .addOption(
      new Option('--kind <name>', kinds)
        .choices(attacks.map(({ id }) => id))
        .default(attacks[0].id),
    )
    .option(
      '--prompt <prompt...>',
      'prompts that draw the concept, each a prompt or "prompt => anchor" (default: those that the scrubbed model, or its job in the data folder, was made to forget)',
    )
    .option(
      '--paraphrase <prompt...>',
      'other wordings of the concept, for --kind paraphrase (default: those that were held back)',
    )
    .option(
      '--images <folder>',
      'pictures that were to be forgotten, for --kind extraction (default: those of the job in the data folder)',
    )
    .option('--retain <prompt...>', 'prompts of other things (default: those that were kept)')
    .option(
      '--anchor <prompt>',
      'what all prompts are told from (default: each without the concept)',
    )
    .option('--concept <words>', 'what the prompts are about (default: what they share)')
    .option(
      '--steps <n>',
      'steps of learning, searching or training, for --kind embedding, prompt, finetune and extraction',
      wholeNumber(1),
      attackDefaults.steps,
    )
    .option(
      '--count <n>',
      'pictures of each point of a curve',
      wholeNumber(1),
      attackDefaults.count,
    )
    .option('--seed <n>', 'of what is drawn and learnt', wholeNumber(0), 0);
  addCompanionOptions(command);
  addJudgeOptions(command);
  command.optionsGroup('How it is drawn (guessed by the original):');
  addDrawingOptions(command, []);
  command.optionsGroup('Options:');
  command
    .addOption(predictionOption())
    .addOption(deviceOption())
    .addOption(threadsOption())
    .addOption(dataOption(context.config.dataFolder))
    .addOption(jsonOption())
    .action((options: GivenOptions) =>
      withInterrupts(({ cancel }) => attack(options, context, cancel)),
    );
}

async function attack(
  { original, model, data, ...options }: GivenOptions,
  { terminal }: CliContext,
  cancel: AbortSignal,
): Promise<void> {
  // Steps are those of learning here.
  const drawing = readDrawing({ ...options, steps: undefined });
  const question: AttackOptions = {
    ...options,
    before: original,
    after: model,
    drawing,
    dataFolder: data ?? null,
  };
  await askAndReport(worker, question, { terminal, purpose: 'the attack', cancel });
}
