import * as z from 'zod';

import { samplerChoice, type SamplerName, samplerNames } from '../diffusion/samplers/registry.ts';
import { readSamplerName } from '../diffusion/samplers/sampler-names.ts';
import { count, field } from '../setting-field.ts';
import { promptStyles, promptStyleTitles } from './prompt-style.ts';

const group = 'drawing';
const MAX_WORDS_CHARACTERS = 10_000;
/** Layers of the deepest text encoder that a host skips in. */
const MAX_CLIP_SKIP = 12;

/** Of what it has to be a multiple is the model's to say. */
const side = z.int().min(1);
const words = z.string().max(MAX_WORDS_CHARACTERS);
/** A sampler by any name that it has, in any case. */
const sampler = z.preprocess(
  (name) => (typeof name === 'string' ? (readSamplerName(name) ?? name) : name),
  z.enum(samplerNames as [SamplerName, ...SamplerName[]], {
    error: ({ input }) => `there is no sampler ${JSON.stringify(input)}: ${samplerChoice}`,
  }),
);

/**
 * How the owner of a model draws with it. A job draws its sets, its previews and what is judged this
 * way, and trains with the same states of its prompts.
 */
export const drawingFields = {
  drawSteps: field(count, {
    title: 'Sampling steps',
    unit: 'steps',
    description: 'Of each picture. Models made to draw in few steps need few.',
    group,
  }),
  drawSampler: field(sampler, {
    title: 'Sampler',
    description: 'As web UIs name it.',
    group,
  }),
  drawCfg: field(z.number().min(1), {
    title: 'Guidance (CFG)',
    description: 'How closely pictures follow their prompts. 1 is no guidance, and twice as fast.',
    group,
  }),
  clipSkip: field(z.int().min(1).max(MAX_CLIP_SKIP), {
    title: 'Clip skip',
    description:
      'The last layer of the text encoder that counts, from its end: 2 for most anime models of SD 1.x. SDXL and SD 2.x have their own.',
    group,
  }),
  promptStyle: field(z.enum(promptStyles), {
    title: 'Prompts are',
    description:
      'The form in which the model is asked: of presets, of suggestions, and of what is kept where nobody says. What you write stays as it is.',
    group,
    choices: promptStyleTitles,
  }),
  qualityWords: field(words, {
    title: 'Quality words',
    description:
      'Put before every prompt, as “masterpiece, best quality”; or around it, as “a photo of {prompt}, sharp”.',
    group,
  }),
  negative: field(words, {
    title: 'Negative prompt',
    description: 'What guidance leads away from.',
    group,
  }),
  width: field(side, { title: 'Width', unit: 'pixels', description: 'Of each picture.', group }),
  height: field(side, {
    title: 'Height',
    unit: 'pixels',
    description: 'Of each picture. Smaller pictures take far less memory and time.',
    group,
  }),
};

/** How pictures are drawn. */
export type Drawing = {
  readonly [K in keyof typeof drawingFields]: z.infer<(typeof drawingFields)[K]>;
};

/** As much of a drawing as is known. */
export const partialDrawingSchema = z.object(
  Object.fromEntries(
    Object.entries(drawingFields).map(([name, schema]) => [name, z.exactOptional(schema)]),
  ),
) as unknown as z.ZodType<Partial<Drawing>>;

/** As much of what is told of a drawing as is a value that can be drawn with here. */
export function readableDrawing(told: Readonly<Record<string, unknown>>): Partial<Drawing> {
  const entries = Object.entries(told).map(
    ([name, value]) => partialDrawingSchema.safeParse({ [name]: value }).data ?? {},
  );
  return Object.assign({}, ...entries) as Partial<Drawing>;
}

/** Of all settings those that say how pictures are drawn. */
export const drawingNames = Object.keys(drawingFields) as [keyof Drawing, ...(keyof Drawing)[]];

/** The drawing among other settings. */
export function drawingIn(settings: Drawing): Drawing {
  return Object.fromEntries(drawingNames.map((name) => [name, settings[name]])) as Drawing;
}

/** What a prompt is as the model is asked with it: with the words that go with every prompt. */
export function asDrawn(prompt: string, { qualityWords }: Pick<Drawing, 'qualityWords'>): string {
  if (qualityWords.includes('{prompt}')) return qualityWords.replaceAll('{prompt}', () => prompt);
  const parts = [qualityWords.replace(/[\s,]+$/, ''), prompt];
  return parts.filter((part) => part !== '').join(', ');
}

/** The sampling of pictures drawn so. */
export function samplingOf({ drawSteps, drawSampler, drawCfg }: Drawing) {
  return { steps: drawSteps, sampler: drawSampler, guidanceScale: drawCfg } as const;
}

/** Width by height, for people: `512×768`. */
export function describeSize({ width, height }: Pick<Drawing, 'width' | 'height'>): string {
  return `${width}×${height}`;
}

/** What a picture's own record says of how it was drawn. */
export function generationOf(drawing: Drawing, prompt: string) {
  const { negative, clipSkip } = drawing;
  const words = { prompt: asDrawn(prompt, drawing), negativePrompt: negative };
  return { ...words, ...samplingOf(drawing), clipSkip };
}
