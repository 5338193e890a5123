import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { openCheckpoint } from '../families/checkpoint.ts';
import type { SamplerName } from '../diffusion/samplers/registry.ts';
import type { PixelImage } from '../images/pixels.ts';
import { drawPictures, type ImageRequest } from '../pipeline/text-to-image.ts';
import type { Judge, Seen, TinyTrait } from './judge.ts';

/** The tiny model that ships with the program, its classifiers and its pictures. */
export const tinyModelFolder = fileURLToPath(new URL('../../presets/tiny-sd/', import.meta.url));

/** A picture to draw, and what it should show. */
export interface Question<Trait extends string = TinyTrait> extends ImageRequest {
  readonly expected: Seen<Trait>;
}

export interface Answer<Trait extends string = TinyTrait> extends Question<Trait> {
  readonly image: PixelImage;
  readonly seen: Seen<Trait>;
}

/** A prompt for the tiny model, in words that it knows. */
export function question(expected: Seen<TinyTrait>, seed: number): Question {
  const { subject, colour, style } = expected;
  const thing = `${colour} ${subject}`;
  const prompt =
    style === 'photo' ? `a photo of a ${thing}` : `a ${thing} in the style of ${style}`;
  return { prompt, negativePrompt: '', seed, expected };
}

/** Has the model draw every picture and the classifiers look at it. */
export async function answer<Trait extends string>(
  model: string,
  asked: readonly Question<Trait>[],
  judge: Judge<Trait>,
  { steps, sampler }: { steps: number; sampler: SamplerName },
): Promise<Answer<Trait>[]> {
  const checkpoint = await openCheckpoint(model);
  const answers: Answer<Trait>[] = [];
  try {
    await drawPictures(
      checkpoint,
      asked,
      {
        width: 64,
        height: 64,
        steps,
        guidanceScale: 5,
        sampler,
        batch: 8,
        device: 'cpu',
        threads: availableParallelism(),
      },
      async (image, asking) => {
        answers.push({ ...asking, image, seen: await judge.judge(image) });
      },
    );
  } finally {
    await checkpoint.file.close();
  }
  return answers;
}

/** The share of pictures whose trait is as it was asked for. */
export function share<Trait extends string>(
  answers: readonly Pick<Answer<Trait>, 'seen' | 'expected'>[],
  trait: Trait,
): number {
  return (
    answers.filter(({ seen, expected }) => seen[trait] === expected[trait]).length / answers.length
  );
}
