import type { Command } from 'commander';

import { jsonOption } from '../common-options.ts';
import type { CliContext } from '../context.ts';
import { withInterrupts } from '../interrupts.ts';
import type { MergeOptions, MergeTold } from '../merge-lora.ts';
import { realNumber } from '../parse-option.ts';
import { printJson, printLine, tellRemark, type Terminal } from '../terminal.ts';
import { formatDuration } from '../../format.ts';

/** Strengths beyond are no use to anyone, and mistyped. */
export const LEAST_STRENGTH = -100;

/** `erase-concept merge`: a checkpoint with a LoRA in its weights. */
export function addMergeCommand(program: Command, { terminal }: CliContext): void {
  program
    .command('merge')
    .description(
      'Write a checkpoint that has a LoRA in its weights. Neither the checkpoint nor the LoRA is changed.',
    )
    .requiredOption(
      '--model <file>',
      'the checkpoint: one .safetensors file, or a diffusers folder',
    )
    .requiredOption(
      '--lora <file>',
      "the LoRA: a .safetensors file of this program, kohya's trainers, diffusers or peft",
    )
    .option(
      '--strength <x>',
      'how many times the LoRA counts; at 0 the result is a copy of the model',
      realNumber(LEAST_STRENGTH),
      1,
    )
    .option(
      '--out <file>',
      'the result, a file or a folder as the model is (default: MODEL-with-LORA beside it)',
    )
    .addOption(jsonOption())
    .action((options: MergeOptions) =>
      withInterrupts(async ({ cancel }) => {
        // Loaded here, not at the start: other commands need not wait for it.
        const { mergeIntoFile } = await import('../merge-lora.ts');
        const tell = (told: MergeTold) => {
          show(terminal, told, options.json === true);
        };
        await mergeIntoFile(options, tell, cancel);
      }),
    );
}

function show(terminal: Terminal, told: MergeTold, json: boolean): void {
  if (told.event !== 'done') tellRemark(terminal, told, json);
  else if (json) printJson(terminal, told);
  else printLine(terminal.stdout, `${told.output} in ${formatDuration(told.seconds)}`);
}
