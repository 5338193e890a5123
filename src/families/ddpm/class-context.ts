import { timestepEmbedding } from '../../diffusion/timestep-embedding.ts';
import { AppError } from '../../errors.ts';
import { ANYTHING, classPrompt, readClass } from '../class-prompts.ts';
import type { PixelUnetConfig } from './config.ts';

/** Numbers of what says the class, which stands where other models have a prompt's tokens. */
export function contextWidth({ classes, widths }: PixelUnetConfig): number {
  switch (classes.kind) {
    case 'none':
      return 1;
    case 'table':
      return classes.classes;
    case 'timestep':
      return widths[0] ?? 1;
  }
}

/**
 * The prompt that a caption stands for, written as prompts of a job are.
 *
 * @throws AppError `prompt.invalid` where it names no class
 */
export function promptOf({ classes }: PixelUnetConfig, caption: string): string {
  if (classes.kind === 'none') return ANYTHING;
  const label = readClass(caption);
  if (label !== null) return classPrompt(label);
  throw invalid(`the caption ${JSON.stringify(caption.slice(0, 80))} names no class.`);
}

/**
 * What the UNet is told of a prompt: of `class 3` the share of each class, 1 for that one, or its number as
 * timesteps are embedded. Zeros where nothing is asked for.
 *
 * @throws AppError `prompt.invalid` for what names none of the model's classes
 */
export function classContext(config: PixelUnetConfig, prompt: string): Float32Array {
  const context = new Float32Array(contextWidth(config));
  if (prompt.trim() === '') return context;
  const { classes, timesteps } = config;
  if (classes.kind === 'none') {
    if (prompt === ANYTHING) return context;
    throw invalid(
      `the prompt ${JSON.stringify(prompt)} means nothing to this model, which is asked for nothing. Leave it out.`,
    );
  }
  const label = readClass(prompt);
  const range = classes.kind === 'table' ? `${classPrompt(0)} to ${classes.classes - 1}` : 'any';
  if (label === null) {
    throw invalid(
      `the prompt ${JSON.stringify(prompt)} names no class, and the model is asked by classes alone: ${range}.`,
    );
  }
  if (classes.kind === 'timestep') {
    return timestepEmbedding([label], context.length, timesteps);
  }
  if (label >= classes.classes) {
    throw invalid(`there is no ${classPrompt(label)}: the model has ${range}.`);
  }
  context[label] = 1;
  return context;
}

function invalid(detail: string): AppError {
  return new AppError('prompt.invalid', detail);
}
