import type { DenoiserShape } from '../families/family.ts';
import { asItIs } from '../adapters/full-weights.ts';
import { type Checkpoint, latentSize } from '../families/checkpoint.ts';
import { type Drawing, samplingOf } from '../drawing/drawing.ts';
import type { PixelImage } from '../images/pixels.ts';
import { drawLatents, type Painter } from '../pipeline/draw-latents.ts';
import { requireEncoded } from '../families/encoded-prompt.ts';
import type { EncodedPromptSet } from '../families/encoded-prompt.ts';
import { UnetSession } from '../pipeline/unet-session.ts';
import { requireWholeLatents } from '../pipeline/whole-latents.ts';
import { elementAt } from '../element-at.ts';
import type { Device } from '../runtime/device.ts';
import { TensorSet } from '../runtime/tensor-set.ts';
import type { ClassifierChoice } from './classifier/classifier-choice.ts';
import type { PictureGroup, Role } from './figure.ts';
import { groupWords } from './picture-group.ts';

/** What is drawn. */
export interface PictureSettings {
  /** Each with the prompt that says the same without the concept. */
  readonly forget: readonly { readonly prompt: string; readonly anchor: string }[];
  readonly retain: readonly string[];
  /** Pictures of each prompt, with seeds from `seed` on. */
  readonly count: number;
  readonly seed: number;
}

/** A prompt that is drawn to answer a question beside those of the job. */
export interface Probe {
  readonly group: Exclude<PictureGroup, Role>;
  /** Of the prompt among all of its role, from 0. */
  readonly number: number;
  readonly prompt: string;
  /** What a prompt of the concept is told from; null for one of what is kept. */
  readonly anchor: string | null;
  /** What it is drawn with in the place of the drawing's negative prompt. */
  readonly negative?: string;
}

export interface EvaluationSettings extends PictureSettings {
  /** What is drawn beside the prompts; nothing by default. */
  readonly probes?: readonly Probe[];
  /** Thumbnails of the pictures that were to be forgotten themselves; empty where none were. */
  readonly given?: readonly PixelImage[];
  /** Classifiers of pictures that are asked too, each with the classes that count as the concept. */
  readonly classifiers?: readonly ClassifierChoice[];
  /** How both models draw. */
  readonly drawing: Drawing;
  /** A clip skip at which all is drawn and judged once more; null for none. */
  readonly otherClipSkip?: number | null;
  readonly device: Device;
  readonly threads: number;
}

/** A picture to be drawn by both models. */
export interface EvaluationPicture {
  readonly role: Role;
  readonly group: PictureGroup;
  /** Of the prompt within its role, from 0. */
  readonly number: number;
  readonly prompt: string;
  /** What a prompt of the concept is told from; null for one of what is kept. */
  readonly anchor: string | null;
  /** What it is drawn with in the place of the drawing's negative prompt. */
  readonly negative?: string;
  readonly seed: number;
}

/** Every picture to be drawn: forgotten prompts, kept ones, then what is drawn beside them. */
export function listPictures({
  forget,
  retain,
  probes = [],
  count,
  seed,
}: PictureSettings & Pick<EvaluationSettings, 'probes'>): EvaluationPicture[] {
  const subjects: Omit<EvaluationPicture, 'seed'>[] = [
    ...forget.map((line, number) => ({
      ...{ role: 'forget' as const, group: 'forget' as const, number, ...line },
    })),
    ...retain.map((prompt, number) => ({
      ...{ role: 'retain' as const, group: 'retain' as const, number, prompt, anchor: null },
    })),
    ...probes.map((probe) => ({ ...probe, role: groupWords[probe.group].role })),
  ];
  return subjects.flatMap((subject) =>
    Array.from({ length: count }, (_, i) => ({ ...subject, seed: seed + i })),
  );
}

/** Compiles a checkpoint's UNet for pictures of the settings' size and gives it back after the work. */
export async function withPainter<T>(
  checkpoint: Checkpoint,
  { drawing, device, threads }: Pick<EvaluationSettings, 'drawing' | 'device' | 'threads'>,
  { tokens }: EncodedPromptSet,
  work: (painter: Painter) => Promise<T>,
): Promise<T> {
  const shape = unetShape(checkpoint, drawing, tokens);
  const unet = await UnetSession.create(checkpoint, {
    shape,
    adaptation: asItIs(checkpoint),
    device,
    threads,
  });
  try {
    return await work({ unet, parameters: new TensorSet() });
  } finally {
    await unet.release();
  }
}

/** The most rows of one call, for models and pictures so small that more would gain nothing. */
const maxRows = 16;
/** Feature cells of a picture of SD 1.5 at its own size: 64 × 64, 320 channels wide. */
const usualCells = 320 * 64 * 64;

/** The sizes of a UNet that draws and judges: as many rows as take the memory of one usual picture, which has two. */
export function unetShape(
  checkpoint: Checkpoint,
  drawing: Drawing,
  contextTokens: number,
): DenoiserShape {
  const size = latentSize(checkpoint, drawing);
  const cells = checkpoint.denoiser.width * size.latentHeight * size.latentWidth;
  // The judge of latents has two rows for each picture.
  const pictures = Math.min(maxRows / 2, Math.max(1, Math.floor(usualCells / cells)));
  return { batch: 2 * pictures, ...size, contextTokens };
}

interface PictureList {
  readonly pictures: readonly Pick<EvaluationPicture, 'prompt' | 'negative' | 'seed'>[];
  readonly encoded: EncodedPromptSet;
  readonly settings: EvaluationSettings;
  readonly io: { readonly signal: AbortSignal; readonly onDrawn: (done: number) => void };
}

/**
 * @returns the latents of each picture: float32 [C, h, w]
 * @throws AppError `checkpoint.nan` where the model predicts no numbers
 */
export async function drawPictures(
  painter: Painter,
  checkpoint: Checkpoint,
  { pictures, encoded, settings, io }: PictureList,
): Promise<Float32Array[]> {
  const { drawing } = settings;
  const { process, condition } = checkpoint;
  const requests = pictures.map(({ prompt, negative = drawing.negative, seed }) => ({
    prompt: requireEncoded(encoded.prompts, prompt),
    unconditional: condition.unconditional(encoded.prompts, negative),
    seed,
  }));
  const latents = await drawLatents(painter, requests, { ...samplingOf(drawing), process }, io);
  for (const [i, { prompt }] of pictures.entries()) {
    requireWholeLatents(checkpoint, elementAt(latents, i), prompt);
  }
  return latents;
}
