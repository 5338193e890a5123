import { z } from 'zod';

import { drawingNames, partialDrawingSchema } from '../drawing/drawing.ts';
import { askKinds } from '../families/family.ts';
import { predictionReadingSchema } from '../diffusion/prediction-reading.ts';
import { presetSchema } from '../presets/preset.ts';
import { devices } from '../runtime/device.ts';
import { type Remedy, remedySettings } from '../remedy.ts';
import { type Answer, named } from './answer.ts';

/** Of `GET /api/health`. */
export const healthSchema = named(
  'Health',
  z.object({
    status: z.literal('ok'),
    name: z.string(),
    version: z.string(),
    uptimeSeconds: z.number(),
    /** Whether workers do its jobs: `GET /api/workers`. */
    isShared: z.boolean(),
    host: z.object({
      kind: z.string(),
      reachable: z.boolean(),
      /** Whether pictures can be left to it. */
      canDraw: z.boolean(),
    }),
  }),
);
export type Health = Answer<typeof healthSchema>;

/** A device that was tried. */
export const deviceViewSchema = named(
  'DeviceView',
  z.object({
    device: z.enum(devices),
    works: z.boolean(),
    /** Why it does not work, or what is known of it. */
    detail: z.string(),
    /** Whether `auto` means this one. */
    isDefault: z.boolean(),
  }),
);
export type DeviceView = Answer<typeof deviceViewSchema>;

/** A model of the host. */
export const modelViewSchema = named(
  'ModelView',
  z.object({
    /** Unique among the models; what `JobRequest.model` takes. */
    name: z.string(),
    bytes: z.number(),
    isActive: z.boolean(),
    /** For a scrubbed model: what was taken out of it. */
    scrubbed: z.object({ concept: z.string(), jobId: z.string().nullable() }).nullable(),
    /** The family (`SD 1.x`), or null where it cannot be told. */
    architecture: z.string().nullable(),
    /** Why nothing can be erased from it; null where it can. */
    refusal: z.string().nullable(),
    /** Width and height that it draws at, in pixels. */
    nativeSize: z.number().nullable(),
    /** Channels of the UNet's first level, which the default settings depend on. */
    modelChannels: z.number().nullable(),
    /** How it is asked: in words, by classes (`class 3`), or for nothing; null where it cannot be told. */
    asks: z.enum(askKinds).nullable(),
    /** How it is drawn with where nothing is said, and where that was guessed from. */
    drawing: z.object({
      draws: partialDrawingSchema,
      sources: z.partialRecord(z.enum(drawingNames), z.string()),
    }),
    /** What it predicts and what that is known from; null where it cannot be told. */
    prediction: predictionReadingSchema.nullable(),
    /** Why it can be used only with the setting `prediction`; null where it can be without. */
    predictionProblem: z.string().nullable(),
    /** Whether there is a VAE for it; else `JobRequest.vae` or the web UI's choice has to be one. */
    hasVae: z.boolean(),
  }),
);
export type ModelView = Answer<typeof modelViewSchema>;

/** A LoRA that may be on top of a model. */
export const loraViewSchema = named(
  'LoraView',
  z.object({
    /** What `JobRequest.baseLoras` takes. */
    name: z.string(),
  }),
);
export type LoraView = Answer<typeof loraViewSchema>;

/** An embedding whose word can be forgotten. */
export const embeddingViewSchema = named(
  'EmbeddingView',
  z.object({
    /** What `JobRequest.embeddings` takes. */
    name: z.string(),
    /** How prompts call it. */
    word: z.string(),
  }),
);
export type EmbeddingView = Answer<typeof embeddingViewSchema>;

/** A VAE that models can be drawn with. */
export const vaeViewSchema = named(
  'VaeView',
  z.object({
    /** What `JobRequest.vae` takes. */
    name: z.string(),
    /** Whether the web UI draws with it. */
    isChosen: z.boolean(),
  }),
);
export type VaeView = Answer<typeof vaeViewSchema>;

/** A file that was given to the server. */
export const givenFileSchema = named(
  'GivenFile',
  z.object({
    /** What a `JobRequest` calls it. */
    name: z.string(),
  }),
);
export type GivenFile = Answer<typeof givenFileSchema>;

/** A classifier of pictures that can judge a job. */
export const judgeViewSchema = named(
  'JudgeView',
  z.object({
    /** What `JobRequest.judges` takes. */
    name: z.string(),
    /** What it tells apart. */
    classes: z.array(z.string()),
    /** Why it cannot judge; null where nothing is known against it. */
    problem: z.string().nullable(),
  }),
);
export type JudgeView = Answer<typeof judgeViewSchema>;

export const presetViewSchema = named(
  'PresetView',
  z.object({
    ...presetSchema.shape,
    /** The person's own: may be changed and deleted. */
    isOwn: z.boolean(),
    /** Whether it asks for the person's own pictures. */
    needsImages: z.boolean(),
  }),
);
export type PresetView = Answer<typeof presetViewSchema>;

export const presetFaultViewSchema = named(
  'PresetFaultView',
  z.object({
    /** The file's name without `.yaml`. */
    name: z.string(),
    /** What is wrong with it, where, and what to do. */
    message: z.string(),
  }),
);
/** A file among the presets that cannot be used. */
export type PresetFaultView = Answer<typeof presetFaultViewSchema>;

const remedySchema = z.object({
  /** What to do, up to where it is said: `choose another name`. */
  advice: z.string(),
  /** Where, one of them: names of settings or of other parts of a request. */
  settings: z.array(
    z.object({ setting: z.enum(remedySettings), value: z.string().exactOptional() }),
  ),
}) satisfies z.ZodType<Remedy>;

/** What every refusal is told as. */
export const errorSchema = named(
  'Error',
  z.object({
    error: z.object({
      code: z.string(),
      message: z.string(),
      /** What to set otherwise, where that helps; `message` has it in the page's words. */
      remedy: remedySchema.exactOptional(),
      /** Id of the request, to find it in the log. */
      requestId: z.string(),
    }),
  }),
);
export type ErrorBody = Answer<typeof errorSchema>;
