import { availableParallelism } from 'node:os';
import path from 'node:path';

import { withLoras } from '../adapters/low-rank/with-loras.ts';
import { putOnTop } from '../adapters/low-rank/put-on-top.ts';
import { type Lora, readLora } from '../adapters/low-rank/read-lora.ts';
import { writeNewFile } from '../checkpoint/atomic-file.ts';
import {
  type Checkpoint,
  openCheckpoint,
  requireClasses,
  requireErasable,
  requireGuidable,
  requireSizeFits,
} from '../families/checkpoint.ts';
import { ANYTHING, classPrompt } from '../families/class-prompts.ts';
import { modelTitle } from '../checkpoint/output-path.ts';
import { asDrawn } from '../drawing/drawing.ts';
import { wordOf } from '../tokenizer/learned-words.ts';
import type { PredictionWish } from '../diffusion/prediction-reading.ts';
import type { SamplerName } from '../diffusion/samplers/registry.ts';
import { LearnedNames } from '../erase/learned-names.ts';
import { checkSyntax } from '../erase/prompt-syntax.ts';
import { AppError } from '../errors.ts';
import { encodeGeneratedPng } from '../images/generated-png.ts';
import type { PixelImage } from '../images/pixels.ts';
import { drawPictures, type ImageRequest } from '../pipeline/text-to-image.ts';
import type { Device } from '../runtime/device.ts';
import { chooseDevice } from '../runtime/probe-device.ts';
import { loraTag } from '../lora-tag.ts';
import { type CompanionOptions, companionsIn } from './companion-options.ts';
import { preparePictureFolder } from './picture-folder.ts';
import type { Remark } from './terminal.ts';

/** The options of the command `sample`. */
export interface SampleOptions extends CompanionOptions {
  readonly model: string;
  readonly prompt?: readonly string[];
  /** Classes, behind the prompts. */
  readonly class?: readonly number[];
  readonly negative: string;
  readonly seed: number;
  readonly count: number;
  /** What is left out is as usual for the model. */
  readonly steps?: number;
  readonly cfg?: number;
  readonly sampler?: SamplerName;
  readonly size?: number;
  readonly width?: number;
  readonly height?: number;
  readonly clipSkip?: number;
  readonly qualityWords: string;
  readonly batch: number;
  readonly out: string;
  readonly lora?: string;
  /** How many times the LoRA counts. Default: once. */
  readonly strength?: number;
  readonly prediction?: PredictionWish;
  readonly device: Device | 'auto';
  readonly threads?: number;
  readonly json?: true;
}

/** What the command tells. */
export type SampleTold =
  | Remark
  | {
      readonly event: 'sample';
      readonly file: string;
      readonly prompt: string;
      readonly seed: number;
    }
  | { readonly event: 'done'; readonly output: string; readonly seconds: number };

/** A picture to draw and the file it goes to. */
interface SampleRequest extends ImageRequest {
  readonly file: string;
}

/**
 * Draws every prompt with every seed into PNG files, the settings in each as the hosts write them.
 *
 * @throws AppError `lora.invalid`, `prompt.invalid`, `settings.invalid`, `checkpoint.*`, `output.exists`,
 *   `output.unwritable`, `device.*`
 */
export async function drawSamples(
  options: SampleOptions,
  tell: (event: SampleTold) => void,
): Promise<void> {
  const started = performance.now();
  const said = promptsIn(options);
  for (const message of promptWarnings(options, said)) tell({ event: 'warning', message });
  const checkpoint = await openCheckpoint(
    path.resolve(options.model),
    options.prediction,
    companionsIn(options),
  );
  try {
    requireErasable(checkpoint);
    if (options.class) requireClasses(checkpoint);
    const prompts = askedPrompts(checkpoint, said);
    const requests = listRequests(options, prompts);
    const sampling = samplingFor(checkpoint, options);
    requireGuidable(checkpoint, { drawCfg: sampling.guidanceScale, negative: options.negative });
    const side = options.size ?? checkpoint.facts.nativeSize;
    const size = { width: options.width ?? side, height: options.height ?? side };
    requireSizeFits(checkpoint, size);
    const lora = await loraOf(options, checkpoint);
    const base = await withLoras(checkpoint, options.baseLora ?? []);
    const model = lora ? putOnTop(base, lora, lora.strength) : base;
    const threads = options.threads ?? availableParallelism();
    await checkpoint.codec.requireFitting({ device: 'cpu', threads });
    await preparePictureFolder(
      options.out,
      requests.map(({ file }) => file),
    );
    for (const message of checkpoint.facts.prediction.remarks) {
      tell({ event: 'notice', message });
    }
    const settings = {
      ...size,
      ...(options.clipSkip !== undefined && { clipSkip: options.clipSkip }),
      ...sampling,
      batch: options.batch,
      device: await chooseDevice(options.device),
      threads,
    };
    await drawPictures(model, requests, settings, async (image, request) => {
      const { file, prompt, seed } = request;
      await writePicture(image, request, { ...options, sampling, tag: lora && tagOf(lora) });
      tell({ event: 'sample', file, prompt, seed });
    });
  } finally {
    await checkpoint.close();
  }
  const seconds = (performance.now() - started) / 1000;
  tell({ event: 'done', output: path.resolve(options.out), seconds });
}

/** @throws AppError `prompt.invalid` */
function promptsIn({ prompt = [], class: classes = [] }: SampleOptions): readonly string[] {
  if (prompt.some((text) => text.trim() === '')) {
    throw new AppError('prompt.invalid', 'a prompt of --prompt is empty. Give one or more words.');
  }
  return [...prompt, ...classes.map(classPrompt)];
}

/**
 * What is asked for where that may be left to the model.
 *
 * @throws AppError `usage.invalid` where it may not
 */
function askedPrompts(
  { condition: { asks } }: Checkpoint,
  said: readonly string[],
): readonly string[] {
  if (said.length > 0) return said;
  if (asks.kind === 'nothing') return [ANYTHING];
  throw new AppError(
    'usage.invalid',
    asks.kind === 'words'
      ? 'nothing is said of what to draw. Add --prompt PROMPT….'
      : 'nothing is said of which class to draw. Add --class N….',
  );
}

/** As it is said, else as is usual for models that are asked so. */
function samplingFor({ condition: { asks } }: Checkpoint, options: SampleOptions) {
  const usual =
    asks.kind === 'words'
      ? ({ steps: 20, cfg: 7.5, sampler: 'DPM++ 2M' } as const)
      : ({ steps: 50, cfg: 1, sampler: 'DDIM' } as const);
  const { steps = usual.steps, cfg = usual.cfg, sampler = usual.sampler } = options;
  return { steps, guidanceScale: cfg, sampler };
}

function listRequests(options: SampleOptions, prompts: readonly string[]): SampleRequest[] {
  const { negative, seed, count, out } = options;
  const names = namesIn(options);
  return prompts.flatMap((text, number) =>
    Array.from({ length: count }, (_, i) => ({
      prompt: asDrawn(names.spelled(text), options),
      negativePrompt: names.spelled(negative),
      seed: seed + i,
      file: path.join(path.resolve(out), `${number}-${seed + i}.png`),
    })),
  );
}

function promptWarnings(options: SampleOptions, prompts: readonly string[]): string[] {
  const { negative } = options;
  const names = namesIn(options);
  const read = negative.trim() === '' ? prompts : [...prompts, negative];
  return checkSyntax(read.map((text) => names.hidden(text))).map((text) => names.shown(text));
}

function namesIn({ forgetEmbedding = [] }: SampleOptions): LearnedNames {
  return new LearnedNames(forgetEmbedding.map(wordOf));
}

/** @throws AppError `usage.invalid` for a strength of nothing, `lora.invalid` */
async function loraOf(
  { lora, strength }: SampleOptions,
  checkpoint: Checkpoint,
): Promise<CountedLora | null> {
  if (lora !== undefined) return { ...(await readLora(lora, checkpoint)), strength: strength ?? 1 };
  if (strength === undefined) return null;
  throw new AppError(
    'usage.invalid',
    '--strength says how many times a LoRA counts, and none is given. Add --lora FILE, or leave it out.',
  );
}

interface CountedLora extends Lora {
  readonly strength: number;
}

/** What has web UIs draw with a LoRA, as a part of a prompt. */
function tagOf({ title, strength }: CountedLora): string {
  return loraTag(title, strength);
}

interface PictureFacts extends Pick<SampleOptions, 'model' | 'clipSkip'> {
  readonly sampling: ReturnType<typeof samplingFor>;
  readonly tag: string | null;
}

async function writePicture(
  image: PixelImage,
  { file, ...request }: SampleRequest,
  { sampling, model, clipSkip, tag }: PictureFacts,
): Promise<void> {
  const png = await encodeGeneratedPng(image, {
    ...request,
    prompt: tag === null ? request.prompt : `${request.prompt} ${tag}`,
    ...sampling,
    ...(clipSkip !== undefined && { clipSkip }),
    model: modelTitle(model),
  });
  await writeNewFile(file, png);
}
