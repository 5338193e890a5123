import path from 'node:path';

import type { Command } from 'commander';

import type { LikelihoodOptions, LikelihoodTold } from '../ask-likelihood.ts';
import { askPainter } from '../ask-painter.ts';
import { deviceOption, jsonOption, threadsOption } from '../common-options.ts';
import type { CliContext } from '../context.ts';
import { withInterrupts } from '../interrupts.ts';
import { wholeNumber } from '../parse-option.ts';
import { printJson, printLine, tellRemark } from '../terminal.ts';

const worker = new URL('../likelihood-worker.ts', import.meta.url);

/** `erase-concept likelihood`: how likely a pixel-space model finds pictures. */
export function addLikelihoodCommand(program: Command, { terminal }: CliContext): void {
  program
    .command('likelihood')
    .description(
      'Tell how likely a pixel-space model finds pictures, in bits per dimension: the fewer, the likelier.',
    )
    .requiredOption('--model <file>', 'the model, a file or a diffusers folder')
    .requiredOption(
      '--images <folder>',
      'the pictures, with classes in NAME.txt where there are any',
    )
    .option('--class <n>', 'the class of pictures that no caption says one of', wholeNumber(0))
    .option('--count <n>', 'so many of them, the first by name (default: all)', wholeNumber(1))
    .option('--levels <n>', 'noise levels on the way: more are more exact', wholeNumber(2), 40)
    .option('--seed <n>', 'of the probes: two models are compared by the same', wholeNumber(0), 0)
    .addOption(deviceOption())
    .addOption(threadsOption())
    .addOption(jsonOption())
    .action((options: LikelihoodOptions) =>
      withInterrupts(({ cancel: signal }) =>
        askPainter(worker, options, {
          ...{ folder: undefined, purpose: 'the likelihood', signal },
          onTold: (told) => {
            const event = told as LikelihoodTold;
            if (options.json) printJson(terminal, event);
            else if (event.event === 'likelihood') {
              for (const line of describe(event)) printLine(terminal.stdout, line);
            } else if (event.event !== 'progress') tellRemark(terminal, event, false);
          },
        }),
      ),
    );
}

type Found = Extract<LikelihoodTold, { event: 'likelihood' }>;

function describe({ pictures, mean }: Found): string[] {
  const each = pictures.map(({ file, bits }) => `${bits.toFixed(3)}  ${path.basename(file)}`);
  return pictures.length === 1 ? each : [...each, `${mean.toFixed(3)}  on average`];
}
