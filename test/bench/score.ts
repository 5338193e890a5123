import { availableParallelism } from 'node:os';
import path from 'node:path';

import { type Checkpoint, openCheckpoint } from '../../src/families/checkpoint.ts';
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

/** How the pictures are drawn; with guidance 5 where nothing is said of it. */
export type TinyDrawing = Pick<ImageSettings, 'steps' | 'sampler'> &
  Partial<Pick<ImageSettings, 'guidanceScale' | 'clipSkip'>>;

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
    const seen: Partial<Record<Trait, string>> = {};
    for (const [trait, classifier] of Object.entries<Classifier>(classifiers)) {
      seen[trait as Trait] = await classifier.classify(image);
    }
    answers.push({ ...asking, image, seen: seen as Seen<Trait> });
  });
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
