import path from 'node:path';

import { AppError } from '../errors.ts';
import type { Companions } from './companions.ts';
import type { Checkpoint } from './family.ts';
import { openModelFiles } from './open-model-files.ts';
import { familyOf } from './registry.ts';
import type { PredictionReading, PredictionWish } from '../diffusion/prediction-reading.ts';

export type { Checkpoint };

/**
 * Opens a checkpoint, a single file or a diffusers folder, and derives what its models look like.
 * Whether a concept can be erased from it is for `requireErasable`, whether its weights are finite
 * for `requireFiniteWeights`.
 *
 * @param prediction what the person chose that it predicts, or a job found before; undefined leaves it
 *   to what its files say
 * @param companions what it is run with besides its own files
 * @throws AppError `checkpoint.*`, `model.unsupported`, `vae.invalid`; the files are then closed
 */
export async function openCheckpoint(
  modelPath: string,
  prediction?: PredictionWish | PredictionReading,
  companions?: Companions,
): Promise<Checkpoint> {
  const file = await openModelFiles(modelPath);
  try {
    return await familyOf(file).open(file, prediction, companions);
  } catch (error) {
    await file.close();
    throw error;
  }
}

/**
 * Refuses a checkpoint that a concept cannot be erased from, nor pictures drawn with as others would.
 *
 * @throws AppError `model.unsupported` with the reason
 */
export function requireErasable({ file, codec, facts: { refusal } }: Checkpoint): void {
  const name = `"${path.basename(file.path)}"`;
  if (refusal !== null) throw new AppError('model.unsupported', `${name}: ${refusal}`);
  if (!codec.isMissing) return;
  throw new AppError('model.unsupported', `${name} holds no VAE, which makes its pictures.`, {
    remedy: { advice: 'Give yours', settings: [{ setting: 'vae' }] },
  });
}

/** Width and height, in pixels. */
interface PictureSize {
  readonly width: number;
  readonly height: number;
}

/**
 * Refuses a width or height that the model cannot make.
 *
 * @throws AppError `settings.invalid`, with the nearest size that fits
 */
export function requireSizeFits({ facts: { sizeStep } }: Checkpoint, size: PictureSize): void {
  for (const side of ['width', 'height'] as const) {
    const value = size[side];
    if (value > 0 && value % sizeStep === 0) continue;
    const nearest = Math.max(1, Math.round(value / sizeStep)) * sizeStep;
    const name = size.width === size.height ? 'size' : side;
    throw new AppError(
      'settings.invalid',
      `${name} ${value} does not fit this model, which needs a multiple of ${sizeStep} pixels. The nearest is ${nearest}.`,
    );
  }
}

/**
 * Refuses classes of a model that has none.
 *
 * @throws AppError `settings.invalid`
 */
export function requireClasses({ file, condition: { asks } }: Checkpoint): void {
  if (asks.kind === 'classes') return;
  throw new AppError(
    'settings.invalid',
    `"${path.basename(file.path)}" has no classes: ${asks.kind === 'words' ? 'it is asked in words. Give prompts' : 'it is asked for nothing. Leave them out'}.`,
  );
}

/** How much is drawn towards a prompt, and what away from. */
interface Guidance {
  readonly drawCfg: number;
  readonly negative: string;
}

/**
 * Refuses guidance of a model that cannot be asked for nothing: it needs what it leads away from.
 *
 * @throws AppError `settings.invalid`
 */
export function requireGuidable(
  { condition: { asks } }: Checkpoint,
  { drawCfg, negative }: Guidance,
): void {
  if (asks.kind === 'words' || drawCfg === 1) return;
  if (asks.kind === 'classes' && negative.trim() !== '') return;
  const advice =
    asks.kind === 'classes'
      ? ' If one of its classes stands for none, give it as the negative prompt.'
      : '';
  throw new AppError(
    'settings.invalid',
    `guidance (CFG) of ${drawCfg} leads away from what the model draws unasked, and this one has no such state. Draw without guidance, at 1.${advice}`,
  );
}

/** Cells of the latents of a picture. */
export function latentSize({ codec: { scale } }: Checkpoint, { width, height }: PictureSize) {
  return { latentHeight: height / scale, latentWidth: width / scale } as const;
}
