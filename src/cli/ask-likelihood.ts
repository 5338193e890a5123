import { availableParallelism } from 'node:os';
import path from 'node:path';

import { AppError } from '../errors.ts';
import { pictureLikelihoods } from '../evaluation/likelihood/picture-likelihood.ts';
import { openCheckpoint, requireClasses, requireErasable } from '../families/checkpoint.ts';
import { ANYTHING, classPrompt } from '../families/class-prompts.ts';
import { decodeImage } from '../images/decode-image.ts';
import { readImageFolder } from '../images/image-folder.ts';
import type { Device } from '../runtime/device.ts';
import { chooseDevice } from '../runtime/probe-device.ts';
import type { Remark } from './terminal.ts';

/** The options of the command `likelihood`. */
export interface LikelihoodOptions {
  readonly model: string;
  readonly images: string;
  /** Of all pictures that no caption says a class of. */
  readonly class?: number;
  readonly count?: number;
  readonly levels: number;
  readonly seed: number;
  readonly device: Device | 'auto';
  readonly threads?: number;
  readonly json?: true;
}

/** What the command tells. */
export type LikelihoodTold =
  | Remark
  | { readonly event: 'progress'; readonly done: number; readonly of: number }
  | {
      readonly event: 'likelihood';
      /** Bits per dimension of each picture, by its file. */
      readonly pictures: readonly { readonly file: string; readonly bits: number }[];
      readonly mean: number;
    };

/**
 * How likely a pixel-space model finds the pictures of a folder.
 *
 * @throws AppError `image.*`, `prompt.invalid`, `model.*`, `checkpoint.*`, `device.*`
 */
export async function askLikelihood(
  options: LikelihoodOptions,
  tell: (event: LikelihoodTold) => void,
): Promise<void> {
  const checkpoint = await openCheckpoint(path.resolve(options.model));
  try {
    requireErasable(checkpoint);
    if (options.class !== undefined) requireClasses(checkpoint);
    const images = (await readImageFolder(path.resolve(options.images))).slice(0, options.count);
    const device = await chooseDevice(options.device);
    const threads = options.threads ?? availableParallelism();
    const side = checkpoint.facts.nativeSize;
    const encoder = await checkpoint.codec.openEncoder({
      ...{ width: side, height: side, device, threads },
    });
    const { condition } = checkpoint;
    const pictures = [];
    for (const { file, caption } of images) {
      const picture = await decodeImage(file, { width: side, height: side });
      const pixels = await encoder.encode(picture, (count) => new Float32Array(count));
      const said = caption === undefined ? undefined : condition.readCaption(caption);
      const prompt = condition.asks.kind === 'nothing' ? ANYTHING : promptOf(file, said, options);
      pictures.push({ pixels, prompt });
    }
    await encoder.release();
    const bits = await pictureLikelihoods(checkpoint, pictures, {
      ...{ levels: options.levels, seed: options.seed, device, threads },
      signal: new AbortController().signal,
      onProgress: (done) => {
        tell({ event: 'progress', done, of: pictures.length });
      },
    });
    tell({
      event: 'likelihood',
      pictures: images.map(({ file }, i) => ({ file, bits: bits[i] ?? Number.NaN })),
      mean: bits.reduce((sum, value) => sum + value, 0) / bits.length,
    });
  } finally {
    await checkpoint.close();
  }
}

/** @throws AppError `prompt.invalid` where nothing says a picture's class */
function promptOf(file: string, said: string | undefined, options: LikelihoodOptions): string {
  if (said !== undefined) return said;
  if (options.class !== undefined) return classPrompt(options.class);
  throw new AppError(
    'prompt.invalid',
    `nothing says which class "${file}" is of. Write it into a text file of the same name, or give --class N for all pictures without.`,
  );
}
