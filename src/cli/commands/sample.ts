import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Command, Option } from 'commander';

import { type Checkpoint, openCheckpoint } from '../../checkpoint/checkpoint.ts';
import { nativeSize, requireSizeFits } from '../../checkpoint/image-size.ts';
import { pathExists } from '../../checkpoint/output-path.ts';
import { type SamplerName, samplerNames } from '../../diffusion/samplers/registry.ts';
import { AppError } from '../../errors.ts';
import { formatGenerationParameters } from '../../images/generation-parameters.ts';
import type { PixelImage } from '../../images/pixels.ts';
import { encodePng } from '../../images/png.ts';
import type { Device } from '../../runtime/session.ts';
import { deviceOption, jsonOption, threadsOption } from '../common-options.ts';
import type { CliContext } from '../context.ts';
import { formatDuration } from '../format.ts';
import { untilAborted, withInterrupts } from '../interrupts.ts';
import { realNumber, wholeNumber } from '../parse-option.ts';
import { printJson, printLine } from '../terminal.ts';

/** One picture to draw. */
export interface ImageRequest {
  readonly prompt: string;
  readonly negativePrompt: string;
  readonly seed: number;
}

/** A model that draws pictures of one size. */
export interface ImageGenerator {
  /** Draws all pictures, handing each over with the index of its request as soon as it is done. */
  generate(
    requests: readonly ImageRequest[],
    settings: {
      readonly steps: number;
      readonly guidanceScale: number;
      readonly sampler: SamplerName;
    },
    onImage: (image: PixelImage, index: number) => Promise<void>,
  ): Promise<void>;
  release(): Promise<void>;
}

/** Prepares a checkpoint for drawing; the checkpoint stays the caller's. */
export type CreateImageGenerator = (
  checkpoint: Checkpoint,
  settings: {
    readonly device: Device;
    readonly threads: number | undefined;
    readonly size: number;
  },
) => Promise<ImageGenerator>;

interface SampleOptions {
  readonly model: string;
  readonly prompt: readonly string[];
  readonly negative: string;
  readonly seed: number;
  readonly count: number;
  readonly steps: number;
  readonly cfg: number;
  readonly sampler: SamplerName;
  readonly size?: number;
  readonly out: string;
  readonly device: Device | 'auto';
  readonly threads?: number;
  readonly json?: true;
}

/** `erase-concept sample`: draws pictures into a folder. */
export function addSampleCommand(
  program: Command,
  context: CliContext,
  createGenerator: CreateImageGenerator,
): void {
  program
    .command('sample')
    .description('Draw pictures with a checkpoint, as PNGs named PROMPT_NUMBER-SEED.png.')
    .requiredOption('--model <file>', 'the checkpoint: one .safetensors file')
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
    .requiredOption('--out <folder>', 'where the PNGs go; made if it does not exist')
    .addOption(deviceOption())
    .addOption(threadsOption())
    .addOption(jsonOption())
    .action((options: SampleOptions) =>
      withInterrupts(({ cancel }) =>
        untilAborted(sample(options, { ...context, createGenerator }), cancel),
      ),
    );
}

async function sample(
  options: SampleOptions,
  context: CliContext & { createGenerator: CreateImageGenerator },
): Promise<void> {
  const { terminal } = context;
  const started = performance.now();
  const requests = listRequests(options);
  const checkpoint = await openCheckpoint(path.resolve(options.model));
  try {
    const size = options.size ?? nativeSize(checkpoint);
    requireSizeFits(checkpoint, size);
    await prepareFolder(options.out, requests);
    const device = await context.chooseDevice(options.device);
    const generator = await context.createGenerator(checkpoint, {
      device,
      threads: options.threads,
      size,
    });
    try {
      const { steps, cfg: guidanceScale, sampler } = options;
      await generator.generate(requests, { steps, guidanceScale, sampler }, async (image, i) => {
        const request = requests[i];
        if (!request) return;
        await writePicture(image, request, options);
        const { file, prompt, seed } = request;
        if (options.json) printJson(terminal, { event: 'sample', file, prompt, seed });
        else printLine(terminal.stdout, file);
      });
    } finally {
      await generator.release();
    }
  } finally {
    await checkpoint.file.close();
  }
  const seconds = (performance.now() - started) / 1000;
  if (options.json)
    printJson(terminal, { event: 'done', output: path.resolve(options.out), seconds });
  else printLine(terminal.stdout, `${requests.length} pictures in ${formatDuration(seconds)}`);
}

/** Every prompt with every seed; refuses what cannot be drawn. */
function listRequests({ prompt: prompts, negative, seed, count, out }: SampleOptions) {
  if (prompts.some((prompt) => prompt.trim() === '')) {
    throw new AppError('prompt.invalid', 'a prompt of --prompt is empty. Give one or more words.');
  }
  return prompts.flatMap((prompt, number) =>
    Array.from({ length: count }, (_, i) => ({
      prompt,
      negativePrompt: negative,
      seed: seed + i,
      file: path.join(path.resolve(out), `${number}-${seed + i}.png`),
    })),
  );
}

/** Makes the folder; pictures that are there already are never replaced. */
async function prepareFolder(folder: string, requests: readonly { file: string }[]): Promise<void> {
  for (const { file } of requests) {
    if (await pathExists(file)) {
      throw new AppError(
        'output.exists',
        `"${file}" exists already and is not overwritten. Choose another folder with --out, or other seeds.`,
      );
    }
  }
  await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw new AppError(
      'output.unwritable',
      `the folder "${folder}" cannot be made (${cause instanceof Error ? cause.message : String(cause)}). Choose another one with --out.`,
      { cause },
    );
  });
}

async function writePicture(
  image: PixelImage,
  { file, ...request }: ImageRequest & { file: string },
  { steps, cfg, sampler, model }: SampleOptions,
): Promise<void> {
  const parameters = formatGenerationParameters({
    ...request,
    steps,
    sampler,
    guidanceScale: cfg,
    width: image.width,
    height: image.height,
    model: path.parse(model).name,
  });
  await writeFile(file, await encodePng(image, { parameters }), { flag: 'wx' });
}
