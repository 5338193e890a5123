import { z } from 'zod';

import type { KnownPrompt } from '../evaluation/knowledge/ask-knowledge.ts';
import { type Answer, named } from './answer.ts';
import { jobRequestSchema } from './requests.ts';

/** Body of `POST /api/knowledge`: what may be erased, and from which model; files go by the names of their lists. */
export const knowledgeRequestSchema = jobRequestSchema
  .pick({ model: true, vae: true, baseLoras: true, embeddings: true, concept: true, device: true })
  .extend({
    /** Prompts that would draw it; the name stands in each of them. */
    prompts: z.array(z.string().max(10_000)).min(1).max(16),
    /** Pictures of each prompt and of each invented name. */
    count: z.number().int().min(2).max(100).default(8),
    seed: z.number().int().min(0).max(0xffffffff).default(0),
  });
export type KnowledgeRequest = z.input<typeof knowledgeRequestSchema>;

const knownPrompt = z.object({
  prompt: z.string(),
  /** How far it is ahead of invented names in explaining its own pictures, as a share of the mean error. */
  lead: z.number(),
  /** Where the true lead lies with a confidence of 95 %. */
  interval: z.tuple([z.number(), z.number()]).readonly(),
  /** The same of the invented names. */
  names: z.array(z.object({ prompt: z.string(), lead: z.number() })).readonly(),
  isKnown: z.boolean(),
}) satisfies z.ZodType<KnownPrompt>;

/** Whether a model knows something: how far the question is, and what came of it. */
export const knowledgeSchema = named(
  'Knowledge',
  z.object({
    id: z.string(),
    state: z.enum(['running', 'done', 'failed', 'cancelled']),
    /** Prompts and names done, of all there are; 0 until they are known. */
    done: z.number().int(),
    total: z.number().int(),
    /** Null while it is not known. */
    prompts: z.array(knownPrompt).nullable(),
    /** Why it failed. */
    error: z.string().nullable(),
  }),
);
export type Knowledge = Answer<typeof knowledgeSchema>;
