import { type Command, Option } from 'commander';

import { classesOption } from '../class-option.ts';
import { addCompanionOptions } from '../companion-options.ts';
import { deviceOption, jsonOption, predictionOption, threadsOption } from '../common-options.ts';
import type { CliContext } from '../context.ts';
import { askPainter } from '../ask-painter.ts';
import type { SampleOptions, SampleTold } from '../draw-samples.ts';
import { LEAST_STRENGTH } from './merge.ts';
import { withInterrupts } from '../interrupts.ts';
import { realNumber, samplerName, wholeNumber } from '../parse-option.ts';
import { printJson, printLine, tellRemark } from '../terminal.ts';
import { samplerChoice } from '../../diffusion/samplers/registry.ts';
import { formatDuration } from '../../format.ts';

const worker = new URL('../sample-worker.ts', import.meta.url);

/** `erase-concept sample`: draws pictures into a folder. */
export function addSampleCommand(program: Command, context: CliContext): void {
  const command = program
    .command('sample')
    .description('Draw pictures with a checkpoint, as PNGs named PROMPT_NUMBER-SEED.png.')
    .requiredOption(
      '--model <file>',
      'the checkpoint: one .safetensors file, or a diffusers folder',
    )
    .option('--prompt <prompt...>', 'what to draw; numbered from 0')
    .addOption(
      classesOption(
        '--class <n...>',
        'which class to draw, of a model that has classes; numbered behind prompts',
      ),
    )
    .option('--negative <prompt>', 'what guidance leads away from', '')
    .option('--seed <n>', 'the first seed', wholeNumber(0), 0)
    .option('--count <n>', 'pictures of each prompt, with seeds from --seed on', wholeNumber(1), 1)
    .option('--steps <n>', 'sampling steps (default: 20, of pixel-space models 50)', wholeNumber(1))
    .option('--cfg <x>', 'guidance scale (default: 7.5, of pixel-space models 1)', realNumber(1))
    .addOption(
      new Option(
        '--draw-sampler, --sampler <name>',
        `how the steps are taken: ${samplerChoice} (default: DPM++ 2M, of pixel-space models DDIM)`,
      ).argParser(samplerName),
    )
    .option(
      '--size <pixels>',
      "width and height of the pictures (default: the model's own)",
      wholeNumber(1),
    )
    .option('--width <pixels>', 'width of the pictures', wholeNumber(1))
    .option('--height <pixels>', 'height of the pictures', wholeNumber(1))
    .option('--clip-skip <n>', 'the last layer of the text encoder that counts', wholeNumber(1))
    .option('--quality-words <text>', 'put before every prompt, or around it as {prompt}', '')
    .option('--batch <n>', 'pictures drawn at once', wholeNumber(1), 1)
    .requiredOption('--out <folder>', 'where the PNGs go; made if it does not exist')
    .option('--lora <file>', 'a LoRA put on top of the model')
    .option('--strength <x>', 'how many times it counts (default: 1)', realNumber(LEAST_STRENGTH));
  addCompanionOptions(command);
  command
    .addOption(predictionOption())
    .addOption(deviceOption())
    .addOption(threadsOption())
    .addOption(jsonOption())
    .action((options: SampleOptions) =>
      withInterrupts(({ cancel }) => sample(options, context, cancel)),
    );
}

async function sample(
  options: SampleOptions,
  { terminal }: CliContext,
  signal: AbortSignal,
): Promise<void> {
  let pictures = 0;
  const show = (event: SampleTold) => {
    if (event.event === 'sample') pictures += 1;
    if (options.json) printJson(terminal, event);
    else if (event.event === 'sample') printLine(terminal.stdout, event.file);
    else if (event.event === 'done')
      printLine(terminal.stdout, describeEnd(pictures, event.seconds));
    else tellRemark(terminal, event, false);
  };
  await askPainter(worker, options, {
    folder: options.out,
    purpose: 'drawing',
    signal,
    onTold: (event) => {
      show(event as SampleTold);
    },
  });
}

function describeEnd(pictures: number, seconds: number): string {
  return `${pictures} picture${pictures === 1 ? '' : 's'} in ${formatDuration(seconds)}`;
}
