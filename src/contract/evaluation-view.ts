import { z } from 'zod';

import type { Evaluation } from '../evaluation/evaluation.ts';
import { pictureGroups } from '../evaluation/figure.ts';
import { named } from './answer.ts';

const role = z.enum(['forget', 'retain']);
/** Why pictures were drawn; left out where they are those of the job's own prompts. */
const group = z.enum(pictureGroups).exactOptional();
/** Lower and upper bound. */
const interval = z.tuple([z.number(), z.number()]);
const verdict = z.object({ before: z.number().nullable(), after: z.number() });

/** One quantity over the pictures that it says something of; see `Figure` in `src/evaluation`. */
const figure = named(
  'Figure',
  z.object({
    id: z.string(),
    role,
    group,
    title: z.string(),
    kind: z.enum(['share', 'distance']),
    wanted: z.enum(['lower', 'higher', 'unchanged']),
    meaning: z.string(),
    limits: z.string().nullable(),
    reference: z.object({ value: z.number(), words: z.string() }).nullable(),
    caution: z.string().nullable(),
    details: z.record(z.string(), z.number()).exactOptional(),
    pictures: z.number(),
    before: z.number().nullable(),
    after: z.number(),
    /** With a confidence of 95 %; null in jobs of version 0.1.0. */
    intervals: z.object({ before: interval.nullable(), after: interval }).nullable(),
  }),
);

const shares = { pictures: z.number(), before: z.number(), after: z.number() };

/** By the id of the figure. */
const verdicts = z.record(z.string(), verdict);
const verdictsOfPictures = z.object({ pictures: z.number(), verdicts });

/** How much was erased and how much was kept. */
export const evaluationSchema = named(
  'Evaluation',
  z.object({
    forget: z.object({ ...shares, margin: z.number() }),
    retain: z.object({ ...shares, change: z.number() }),
    unrelatedChange: z.number().nullable(),
    figures: z.array(figure),
    prompts: z.array(
      z.object({
        role,
        group,
        prompt: z.string(),
        anchor: z.string().nullable(),
        pictures: z.number(),
        verdicts,
      }),
    ),
    /** Of each of several concepts, its own prompts and those of its neighbours; left out where there is one. */
    concepts: z
      .array(
        z.object({
          name: z.string(),
          forget: verdictsOfPictures,
          retain: verdictsOfPictures.nullable(),
        }),
      )
      .exactOptional(),
    /** The same pictures drawn at another clip skip; left out where the model is drawn at one alone. */
    atOtherClipSkip: z
      .object({ clipSkip: z.number().int(), figures: z.array(figure) })
      .exactOptional(),
  }),
) satisfies z.ZodType<Evaluation>;
