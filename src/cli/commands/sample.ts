import { type Command, Option } from 'commander';

import { deviceOption, jsonOption, threadsOption } from '../common-options.ts';
import type { CliContext } from '../context.ts';
import type { SampleOptions } from '../draw-samples.ts';
import { untilAborted, withInterrupts } from '../interrupts.ts';
import { realNumber, wholeNumber } from '../parse-option.ts';
import { samplerNames } from '../../diffusion/samplers/registry.ts';

/** `erase-concept sample`: draws pictures into a folder. */
export function addSampleCommand(program: Command, context: CliContext): void {
  program
    .command('sample')
    .description('Draw pictures with a checkpoint, as PNGs named PROMPT_NUMBER-SEED.png.')
    .requiredOption(
      '--model <file>',
      'the checkpoint: one .safetensors file, or a diffusers folder',
    )
    .requiredOption('--prompt <prompt...>', 'what to draw; numbered from 0')
    .option('--negative <prompt>', 'what guidance leads away from', '')
    .option('--seed <n>', 'the first seed', wholeNumber(0), 0)
    .option('--count <n>', 'pictures of each prompt, with seeds from --seed on', wholeNumber(1), 1)
    .option('--steps <n>', 'sampling steps', wholeNumber(1), 20)
    .option('--cfg <x>', 'guidance scale', realNumber(1), 7.5)
    .addOption(
      new Option('--sampler <name>', 'how the steps are taken')
        .choices(samplerNames)
        .default('DPM++ 2M'),
    )
    .option(
      '--size <pixels>',
      "width and height of the pictures (default: the model's own)",
      wholeNumber(1),
    )
    .option('--batch <n>', 'pictures drawn at once', wholeNumber(1), 1)
    .requiredOption('--out <folder>', 'where the PNGs go; made if it does not exist')
    .addOption(deviceOption())
    .addOption(threadsOption())
    .addOption(jsonOption())
    .action((options: SampleOptions) =>
      withInterrupts(async ({ cancel }) => {
        // Loaded here, not at the start: other commands need not wait for the runtime.
        const { drawSamples } = await import('../draw-samples.ts');
        await untilAborted(drawSamples(options, context), cancel);
      }),
    );
}
