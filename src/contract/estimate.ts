import { z } from 'zod';

import { pictureShapeSchema } from '../erase/picture-shapes.ts';
import type { Suggestions as FoundSuggestions } from '../erase/suggestions.ts';
import { wantedFields } from '../methods/registry.ts';
import { devices } from '../runtime/device.ts';
import { type Answer, named } from './answer.ts';

/** What would make a job fit, ready to be shown. */
const adviceSchema = named(
  'Advice',
  z.object({ message: z.string(), settings: z.object(wantedFields) }),
);
export type Advice = Answer<typeof adviceSchema>;

/** What a job will need. */
export const estimateSchema = named(
  'Estimate',
  z.object({
    device: z.enum(devices),
    seconds: z.number(),
    secondsPerStep: z.number(),
    /** Of all seconds those that it takes to draw and judge what came of it. */
    measuringSeconds: z.number(),
    memoryBytes: z.number(),
    /** Free now on the device (of the machine, where it is the CPU); null where it cannot be told. */
    freeBytes: z.number().nullable(),
    diskBytes: z.number(),
    fits: z.boolean(),
    /** Empty where it fits. */
    advice: z.array(adviceSchema),
    /** Whether the figures were measured on this machine with this model's size, or scaled from another's. */
    basis: z.enum(['measured', 'scaled']),
    /** What of the request may not be meant so, or is not heeded. */
    warnings: z.array(z.string()),
    /** Shapes that given pictures are trained in; none where all have that of what is drawn. */
    shapes: z.array(pictureShapeSchema),
    /** Each prompt to forget with what it would be steered to; empty while something is not filled in. */
    forget: z.array(z.object({ prompt: z.string(), anchor: z.string() })),
  }),
);
export type Estimate = Answer<typeof estimateSchema>;

/** What could be kept and steered to, from the model's own text encoder. */
export const suggestionsSchema = named(
  'Suggestions',
  z.object({
    concept: z.string(),
    /** Further wordings of it, as the model is asked. */
    forget: z.array(z.string()),
    /** One for each forget prompt, in their order. */
    anchors: z.array(z.string()),
    /** The concept's neighbours first. */
    retain: z.array(z.string()),
  }),
) satisfies z.ZodType<FoundSuggestions>;
export type Suggestions = Answer<typeof suggestionsSchema>;
