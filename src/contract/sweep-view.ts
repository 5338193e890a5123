import { z } from 'zod';

import { presetNameSchema } from '../presets/preset.ts';
import { type Answer, named } from './answer.ts';
import { jobStates } from './job-views.ts';

/** Of an erasure of a sweep: `open` where nobody has asked for it yet, else as of its job. */
export const sweepStates = ['open', ...jobStates] as const;
export type SweepState = (typeof sweepStates)[number];

/** Longer than a sweep of hundreds of concepts. */
const MAX_YAML_CHARACTERS = 512 * 1024;

const count = z.number().int();
const yaml = z.string().min(1).max(MAX_YAML_CHARACTERS);
const problem = z.object({ code: z.string(), message: z.string() }).nullable();
const figure = z.number().nullable();
const change = z.object({ before: figure, after: figure }).nullable();

/** Body of `POST /api/sweeps`. */
export const sweepRequestSchema = z.strictObject({
  /** Names its folder: lower-case letters, digits and hyphens. */
  name: presetNameSchema,
  /** As of `erase-concept sweep`, with models as `GET /api/models` names them. */
  yaml,
});

/** Body of `PUT /api/sweeps/:name`. */
export const sweepChangeSchema = sweepRequestSchema.pick({ yaml: true });

/** A sweep as lists show it. */
export const sweepSummarySchema = named(
  'SweepSummary',
  z.object({
    name: z.string(),
    /** How many of its erasures are in each state. */
    counts: z.record(z.enum(sweepStates), count),
    /** Why nothing can be told of its erasures; null where it can. */
    error: problem,
  }),
);
export type SweepSummary = Answer<typeof sweepSummarySchema>;

const sweepErasureSchema = named(
  'SweepErasure',
  z.object({
    /** The same for the same erasure, whatever else is in the sweep. */
    key: z.string(),
    model: z.string(),
    concept: z.string(),
    settings: z.string(),
    state: z.enum(sweepStates),
    /** Null where there is none yet, or none any more. */
    jobId: z.string().nullable(),
    error: problem,
    /**
     * Share of pictures of forgotten prompts that no longer show the concept, times that of kept prompts that are
     * still recognised, to what the original has; null where nothing was judged.
     */
    score: figure,
    /** Shares of pictures that show what is forgotten, and that are recognised of what is kept. */
    forget: change,
    retain: change,
    seconds: figure,
    /** A picture of what is forgotten that the result drew, of `GET /api/jobs/:id/samples/:file`. */
    picture: z.string().nullable(),
  }),
);
export type SweepErasure = Answer<typeof sweepErasureSchema>;

/** All that a page shows of a sweep. */
export const sweepViewSchema = named(
  'SweepView',
  z.object({
    ...sweepSummarySchema.shape,
    yaml: z.string(),
    /** The best first, each with its mean score. */
    settings: z.array(z.object({ name: z.string(), done: count, all: count, score: figure })),
    /** The best first. */
    erasures: z.array(sweepErasureSchema),
  }),
);
export type SweepView = Answer<typeof sweepViewSchema>;
