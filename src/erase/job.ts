import { z } from 'zod';

import { predictionReadingSchema, predictionWishes } from '../checkpoint/prediction/reading.ts';

export const trainSets = [
  'full',
  'xattn',
  'xattn-strict',
  'noxattn',
  'selfattn',
  'notime',
] as const;
export type TrainSet = (typeof trainSets)[number];

/**
 * EraseDiff (arXiv 2401.05779) forgets a concept, SISS (arXiv 2503.01034) the pictures that it is
 * given.
 */
export const methods = ['erasediff', 'siss'] as const;
export type Method = (typeof methods)[number];

const positive = z.number().positive();
const count = z.number().int().min(1);

/** λ of the outer step: see `LambdaRule`. */
const ruleSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('constant'), lambda: z.number().min(0) }),
  z.object({ kind: z.literal('cosine'), eta: positive }),
  z.object({ kind: z.literal('projection'), eta: positive, budget: z.enum(['norm', 'gap']) }),
]);

const optimizerSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('sgd'),
    momentum: z.number().min(0).max(1),
    weightDecay: z.number().min(0),
  }),
  z.object({
    kind: z.enum(['adam', 'adamw']),
    beta1: z.number().min(0).max(1),
    beta2: z.number().min(0).max(1),
    epsilon: positive,
    weightDecay: z.number().min(0),
  }),
]);

/** How one erasure trains. Losses are means, so learning rates do not depend on the image size. */
export const settingsSchema = z.object({
  method: z.enum(methods),
  train: z.enum(trainSets),
  /** Outer steps. */
  steps: count,
  /** K, steps on L_f from θ before each outer step; 0 skips the inner loop. */
  innerSteps: z.number().int().min(0),
  learningRate: positive,
  innerLearningRate: positive,
  rule: ruleSchema,
  optimizer: optimizerSchema,
  innerOptimizer: optimizerSchema,
  /** Largest norm of the outer gradient, null for none. */
  clipNorm: positive.nullable(),
  /** Rows of one gradient. */
  batch: count,
  /** Gradients averaged into one step. */
  accumulation: count,
  /** What forgotten prompts are steered to. */
  target: z.enum(['anchor', 'uniform']),
  /** λ of SISS, the share of noisy latents that are made of pictures to forget. */
  mixture: z.number().gt(0).lt(1),
  /**
   * The norm that SISS brings the forgetting gradient to, for pictures of 512 pixels; for others in
   * proportion to their latent entries, over which its losses are sums. (`clipNorm` is of that sum.)
   */
  forgetNorm: positive,
  /** SISS makes noisy latents of this timestep, counted from 0, and later ones. */
  firstTimestep: z.number().int().min(0).max(999),
  /** What kept prompts are held to: the noise that was added, or the original's prediction. */
  retainTarget: z.enum(['noise', 'original']),
  /** What the model predicts, as the person chose it; null: what its files say. */
  prediction: z.enum(predictionWishes).nullable(),
  /** Width and height of the images, in pixels. */
  size: z.number().int().min(8).multipleOf(8),
  seed: z.number().int().min(0).max(0xffffffff),
  /** Images drawn by the model for each set that no folder was given for. */
  generatedForget: count,
  generatedRetain: count,
  generationSteps: count,
  guidanceScale: z.number().min(1),
  /** Fixed-seed samples are drawn every so many steps; 0 for never. */
  sampleEvery: z.number().int().min(0),
  /** The result is judged by so many pictures of each chosen prompt; 0 for not at all. */
  evaluationPictures: z.number().int().min(0),
  /** The state is saved every so many outer steps; null: as often as costs 5 % of the time. */
  saveEvery: count.nullable(),
});
export type EraseSettings = z.infer<typeof settingsSchema>;

/** As a job keeps them, jobs of earlier versions too. */
const savedSettingsSchema = settingsSchema.extend({
  method: settingsSchema.shape.method.default('erasediff'),
  mixture: settingsSchema.shape.mixture.default(0.5),
  forgetNorm: settingsSchema.shape.forgetNorm.default(750),
  firstTimestep: settingsSchema.shape.firstTimestep.default(999),
  evaluationPictures: settingsSchema.shape.evaluationPictures.default(0),
  prediction: settingsSchema.shape.prediction.default(null),
});

/** A prompt to forget and the prompt its predictions are steered to. */
const forgetPromptSchema = z.object({ prompt: z.string(), anchor: z.string() });

/** Everything needed to run an erasure again: the contents of `job.yaml`. */
export const jobSchema = z.object({
  version: z.literal(1),
  id: z.string().regex(/^[a-z0-9][a-z0-9-]*$/),
  createdAt: z.iso.datetime(),
  appVersion: z.string(),
  model: z.object({ path: z.string(), sha256: z.string() }),
  /** What the model was found to predict; null in jobs of earlier versions, which did not keep it. */
  prediction: predictionReadingSchema.nullable().default(null),
  output: z.string(),
  /** Whether a person chose that name, so that no other one will do. */
  outputIsGiven: z.boolean().default(false),
  preset: z.string().nullable(),
  forget: z.array(forgetPromptSchema).min(1),
  /** Folder of images to forget; their captions name prompts that also join `forget`. */
  forgetImages: z.string().nullable(),
  retain: z.array(z.string()).min(1),
  retainImages: z.string().nullable(),
  /** What of the request may not be meant so; jobs of earlier versions have none. */
  warnings: z.array(z.string()).default([]),
  settings: savedSettingsSchema,
  device: z.enum(['cpu', 'webgpu', 'cuda', 'dml']),
  threads: z.number().int().min(1),
});
export type EraseJob = z.infer<typeof jobSchema>;
