import { z } from 'zod';

import { promptStyles } from '../drawing/prompt-style.ts';
import { wantedFields } from '../methods/registry.ts';
import { presetDraftSchema } from '../presets/preset.ts';
import { devices } from '../runtime/device.ts';
import { picturesWishes } from './pictures-wish.ts';

// What clients send, as schemas that validate it.

const prompt = z.string().max(10_000);
const prompts = z.array(prompt).max(1000);
/** Of a file that the host lists. */
const fileName = z.string().min(1).max(1024);
/** Of each kind; people have two or three. */
const MAX_COMPANIONS = 16;
/** By file names, which the page may have put a number to. */
const captions = z.record(z.string().max(300), prompt);

/** What web UIs let people choose, and some more. */
const MAX_STRENGTH = 10;

const side = z.int().min(1).max(100_000);
const sizes = z.array(z.strictObject({ width: side, height: side })).max(10_000);

/**
 * The field `job` of `POST /api/jobs`, whose files are `forgetImages`, `retainImages` and, of the entries of
 * `concepts` from 0 on, `conceptImages[0]`, …; body of `POST /api/estimate`.
 */
export const jobRequestSchema = z.strictObject({
  /** As `GET /api/models` names it; never a path. */
  model: z.string().min(1).max(1024),
  /**
   * The VAE that encodes and draws, as `GET /api/vaes` names it. Default: the model's own; of a model without
   * one, what the web UI draws with.
   */
  vae: fileName.optional(),
  /**
   * LoRAs that are on top of the model and stay there, as `GET /api/loras` names them, and how many times
   * each counts.
   */
  baseLoras: z
    .array(z.strictObject({ name: fileName, strength: z.number().min(-100).max(100).default(1) }))
    .max(MAX_COMPANIONS)
    .default([]),
  /** Embeddings whose words are forgotten, as `GET /api/embeddings` names them. */
  embeddings: z.array(fileName).max(MAX_COMPANIONS).default([]),
  preset: z.string().max(64).optional(),
  /** Values of the preset's variables. */
  variables: z.record(z.string().max(64), prompt).default({}),
  forget: prompts.default([]),
  retain: prompts.default([]),
  /** Several things to forget, each with prompts of its own, in the place of `forget`. */
  concepts: z
    .array(
      z.strictObject({
        name: z.string().trim().min(1).max(200),
        /** May be left out where captions of its pictures say it. */
        forget: prompts.default([]),
        anchor: prompt.optional(),
        neighbours: prompts.default([]),
        /** Of its pictures, the files `conceptImages[0]`, `conceptImages[1]`, …: by their names. */
        captions: captions.default({}),
        /** In pixels, upright, for an estimate. */
        pictureSizes: sizes.default([]),
      }),
    )
    .max(200)
    .default([]),
  anchor: prompt.optional(),
  /** Further wordings, each a prompt or `prompt => anchor`, which are measured by and never trained on. */
  heldBack: prompts.default([]),
  /** What is erased, in few words: names the job and the result. */
  concept: z.string().max(200).optional(),
  captions: z
    .strictObject({ forget: captions.default({}), retain: captions.default({}) })
    .default({ forget: {}, retain: {} }),
  /** Sizes of the pictures in pixels, upright, for an estimate, which is sent none. */
  pictureSizes: z
    .strictObject({ forget: sizes.default([]), retain: sizes.default([]) })
    .default({ forget: [], retain: [] }),
  settings: z.object(wantedFields).default({}),
  /**
   * Classifiers that judge the result, as `GET /api/judges` names them, each with its classes that count
   * as the concept; none: those of the preset.
   */
  judges: z
    .array(
      z.strictObject({
        name: z.string().min(1).max(200),
        classes: z.array(z.string().min(1).max(300)).min(1).max(100),
      }),
    )
    .max(4)
    .default([]),
  device: z.enum(['auto', ...devices]).default('auto'),
  /**
   * Who draws the pictures of a set that has none: the host, with its own samplers, VAE and LoRAs, or
   * the sidecar; `auto` is the faster one.
   */
  pictures: z.enum(picturesWishes).default('auto'),
});
export type JobRequest = z.input<typeof jobRequestSchema>;

/** Body of `POST /api/suggestions`. */
export const suggestionRequestSchema = z.strictObject({
  model: z.string().min(1).max(1024),
  forget: prompts.min(1),
  concept: z.string().max(200).optional(),
  /** How the model is asked. Default: what it, then the prompts tell. */
  promptStyle: z.enum(promptStyles).optional(),
});
export type SuggestionRequest = z.input<typeof suggestionRequestSchema>;

/** Body of `POST` and `PUT` of presets; a name in it is not heeded. */
export const presetRequestSchema = presetDraftSchema.extend({ name: z.string().optional() });

/** Body of `POST /api/jobs/:id/apply`, which may be left out. */
export const applyRequestSchema = z.strictObject({
  /**
   * How many times the job's change counts. Where it is not 1, or the job made a LoRA file alone, a checkpoint is
   * merged first. Default: the job's result as it is.
   */
  strength: z.number().min(0).max(MAX_STRENGTH).optional(),
});
