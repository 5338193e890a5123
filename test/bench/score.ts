import { availableParallelism } from 'node:os';
import path from 'node:path';

import { type Checkpoint, openCheckpoint } from '../../src/families/checkpoint.ts';
import { elementAt } from '../../src/element-at.ts';
import { Classifier } from '../../src/evaluation/classifier/classifier.ts';
import type { PixelImage } from '../../src/images/pixels.ts';
import {
  drawPictures,
  type ImageRequest,
  type ImageSettings,
} from '../../src/pipeline/text-to-image.ts';

/** The tiny model that ships with the program, its classifiers and its pictures. */
export const tinyModelFolder = path.resolve('presets/tiny-sd');

/** What the classifiers that ship with the tiny model tell apart. */
export const tinyTraits = ['subject', 'colour', 'style'] as const;
export type TinyTrait = (typeof tinyTraits)[number];

/** What classifiers tell apart in a picture, by the name of each trait. */
export type Seen<Trait extends string> = Readonly<Record<Trait, string>>;

/** Classifiers beside a model, one `cls-TRAIT.onnx` for each trait, their labels in `classifiers.json`. */
export type Classifiers<Trait extends string = TinyTrait> = Readonly<Record<Trait, Classifier>>;

/** @param folder where the classifiers lie */
export async function openClassifiers<Trait extends string>(
  folder: string,
  traits: readonly Trait[],
): Promise<Classifiers<Trait>> {
  const opened: Partial<Record<Trait, Classifier>> = {};
  for (const trait of traits) {
    const file = path.join(folder, `cls-${trait}.onnx`);
    const labels = `${path.join(folder, 'classifiers.json')}#${trait}`;
    const choice = { name: trait, file, labels, classes: [] };
    opened[trait] = await Classifier.open(choice, availableParallelism());
  }
  return opened as Classifiers<Trait>;
}

export async function releaseClassifiers(classifiers: Classifiers<string>): Promise<void> {
  for (const classifier of Object.values(classifiers)) await classifier.release();
}

/** A picture to draw, and what it should show. */
export interface Question<Trait extends string = TinyTrait> extends ImageRequest {
  readonly expected: Seen<Trait>;
}

export interface Answer<Trait extends string = TinyTrait> extends Question<Trait> {
  readonly image: PixelImage;
  /** In the middle of the picture. */
  readonly seen: Seen<Trait>;
  /** In each of its squares. */
  readonly squares: readonly Seen<Trait>[];
}

/** A prompt for the tiny model, in words that it knows. */
export function question(expected: Seen<TinyTrait>, seed: number): Question {
  const { subject, colour, style } = expected;
  const thing = `${colour} ${subject}`;
  const prompt =
    style === 'photo' ? `a photo of a ${thing}` : `a ${thing} in the style of ${style}`;
  return { prompt, negativePrompt: '', seed, expected };
}

/** How the pictures are drawn; with guidance 5 where nothing is said of it. */
export type TinyDrawing = Pick<ImageSettings, 'steps' | 'sampler'> &
  Partial<Pick<ImageSettings, 'guidanceScale' | 'clipSkip' | 'width' | 'height'>>;

/** Has the model draw every picture and the classifiers look at it. @returns in the order asked */
export async function answer<Trait extends string>(
  model: string,
  asked: readonly Question<Trait>[],
  classifiers: Classifiers<Trait>,
  drawing: TinyDrawing,
): Promise<Answer<Trait>[]> {
  const checkpoint = await openCheckpoint(model);
  try {
    return await answerWith(checkpoint, asked, classifiers, drawing);
  } finally {
    await checkpoint.file.close();
  }
}

/** The same with an open model, be it one with a LoRA on top. */
export async function answerWith<Trait extends string>(
  checkpoint: Checkpoint,
  asked: readonly Question<Trait>[],
  classifiers: Classifiers<Trait>,
  drawing: TinyDrawing,
): Promise<Answer<Trait>[]> {
  const answers: Answer<Trait>[] = [];
  const settings = {
    ...{ width: 64, height: 64, guidanceScale: 5, batch: 8, ...drawing },
    ...{ device: 'cpu' as const, threads: availableParallelism() },
  };
  await drawPictures(checkpoint, asked, settings, async (image, asking) => {
    const squares: Seen<Trait>[] = [];
    for (const square of squaresOf(image)) squares.push(await see(square, classifiers));
    answers.push({ ...asking, image, seen: elementAt(squares, 0), squares });
  });
  return answers;
}

/**
 * Squares from the middle, the start and the end of a picture; of a square itself alone. The tiny models know
 * squares alone, and draw in a longer picture what they draw in one, often twice.
 */
function squaresOf(image: PixelImage): PixelImage[] {
  const side = Math.min(image.width, image.height);
  const spare = Math.max(image.width, image.height) - side;
  if (spare === 0) return [image];
  return [Math.floor(spare / 2), 0, spare].map((start) => {
    const [left, top] = image.width > side ? [start, 0] : [0, start];
    const data = new Float32Array(3 * side * side);
    for (let row = 0; row < 3 * side; row++) {
      const [channel, y] = [Math.floor(row / side), row % side];
      const from = (channel * image.height + top + y) * image.width + left;
      data.set(image.data.subarray(from, from + side), row * side);
    }
    return { data, width: side, height: side };
  });
}

async function see<Trait extends string>(
  image: PixelImage,
  classifiers: Classifiers<Trait>,
): Promise<Seen<Trait>> {
  const seen: Partial<Record<Trait, string | undefined>> = {};
  for (const [trait, classifier] of Object.entries<Classifier>(classifiers)) {
    [seen[trait as Trait]] = await classifier.labelsIn(image);
  }
  return seen as Seen<Trait>;
}

/** The share of pictures, or of the squares of longer ones, whose trait is as it was asked for. */
export function share<Trait extends string>(
  answers: readonly (Pick<Answer<Trait>, 'seen' | 'expected'> & Partial<Answer<Trait>>)[],
  trait: Trait,
): number {
  const hits = answers.flatMap(({ seen, squares = [seen], expected }) =>
    squares.map((square) => square[trait] === expected[trait]),
  );
  return hits.filter(Boolean).length / hits.length;
}
