import { z } from 'zod';

import { attackDefaults } from '../attacks/attack-defaults.ts';
import type { AttackResult } from '../attacks/run-attack.ts';
import { type Answer, named } from './answer.ts';

const count = z.number().int().min(0);
const point = z.object({
  at: z.number(),
  /** What the point is called where its place on the axis says too little. */
  label: z.string().exactOptional(),
  /** What the attack had come upon: a prompt to try. */
  found: z.string().exactOptional(),
  pictures: count,
  /** Those that show the concept. */
  shown: count,
  /** Where the true share lies with a confidence of 95 %. */
  interval: z.tuple([z.number(), z.number()]).readonly(),
});

const curve = z.object({
  id: z.string(),
  title: z.string(),
  points: z.array(point).readonly(),
});

/** How often a concept came back; see `AttackResult` in `src/attacks`. */
const attackResultSchema = named(
  'AttackResult',
  z.object({
    kind: z.string(),
    curves: z.array(curve).readonly(),
    /** Where its prompts are asked, without an attack. */
    asked: z.object({ original: point, scrubbed: point }),
    caution: z.string().nullable(),
  }),
) satisfies z.ZodType<AttackResult>;

/** An attack on a finished job's result, as it is kept with the job. */
export const jobAttackSchema = named(
  'JobAttack',
  z.object({
    /** As the manifest names it. */
    kind: z.string(),
    /** Of learning, for kinds that learn. */
    steps: count,
    /** Pictures of each point of a curve. */
    count,
    seed: count,
    state: z.enum(['queued', 'running', 'done', 'failed', 'cancelled']),
    /** Pieces of work done, of all there are; 0 until they are known. */
    done: count,
    total: count,
    result: attackResultSchema.nullable(),
    /** Why it failed. */
    error: z.string().nullable(),
  }),
);
export type JobAttack = Answer<typeof jobAttackSchema>;

/** `POST /jobs/:id/attacks`. */
export const attackRequestSchema = z.strictObject({
  /** As the manifest names them; each is done anew where it was done before. */
  kinds: z.array(z.string().min(1).max(40)).min(1).max(10),
  steps: z.number().int().min(1).max(100_000).default(attackDefaults.steps),
  count: z.number().int().min(1).max(1000).default(attackDefaults.count),
  seed: z.number().int().min(0).max(0xffffffff).default(0),
});
export type AttackRequest = z.output<typeof attackRequestSchema>;
