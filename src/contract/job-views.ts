import { z } from 'zod';

import { jobAttackSchema } from './attack-view.ts';
import { drawingNames } from '../drawing/drawing.ts';
import { pictureShapeSchema } from '../erase/picture-shapes.ts';
import { type JudgedEvent, phases, type ProgressEvent } from '../erase/events.ts';
import { predictionReadingSchema } from '../diffusion/prediction-reading.ts';
import { settingsSchema } from '../methods/registry.ts';
import { devices } from '../runtime/device.ts';
import { type Answer, named } from './answer.ts';
import { evaluationSchema } from './evaluation-view.ts';
import { picturesWishes } from './pictures-wish.ts';

/** In the order of a job that goes well, then how else it may end. */
export const jobStates = [
  'queued',
  'preparing',
  'training',
  'evaluating',
  'done',
  'failed',
  'cancelled',
  'interrupted',
] as const;
export type { Phase } from '../erase/events.ts';
/** Where a job stands. */
export type JobState = (typeof jobStates)[number];

const count = z.number().int();
const seconds = z.number().nullable();

const sampleViewSchema = named(
  'SampleView',
  z.object({
    /** Of `GET /api/jobs/:id/samples/:file`. */
    file: z.string(),
    prompt: z.string(),
    role: z.enum(['forget', 'retain']),
    which: z.enum(['before', 'during', 'after']),
    /** Outer steps done when it was drawn. */
    step: count,
    seed: count,
    /** How many times the change counts that drew it; null where that was not chosen: 0 before, 1 after. */
    strength: z.number().nullable(),
    /** The web UI, or the training process, whose pictures are PNGs. */
    drawnBy: z.enum(['host', 'sidecar']),
  }),
);
/** A picture that a job drew. */
export type SampleView = Answer<typeof sampleViewSchema>;

/** A job as lists show it. */
export const jobSummarySchema = named(
  'JobSummary',
  z.object({
    id: z.string(),
    state: z.enum(jobStates),
    concept: z.string(),
    preset: z.string().nullable(),
    model: z.string(),
    createdAt: z.string(),
    step: count,
    /** 0 where the method takes none. */
    steps: count,
    /** Jobs before it in the queue; null where it does not wait. */
    queuePosition: count.nullable(),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
  }),
);
/** See `jobSummarySchema`. */
export type JobSummary = Answer<typeof jobSummarySchema>;

const judgedPointSchema = named(
  'JudgedPoint',
  z.object({ step: count, shown: count, pictures: count, rise: z.number() }),
) satisfies z.ZodType<Omit<JudgedEvent, 'event'>>;
/** What a check of forgotten prompts found on the way; see `JudgedEvent`. */
export type JudgedPoint = Answer<typeof judgedPointSchema>;

/** All that a page shows of a job. */
export const jobViewSchema = named(
  'JobView',
  z.object({
    ...jobSummarySchema.shape,
    forget: z.array(z.object({ prompt: z.string(), anchor: z.string() })),
    retain: z.array(z.string()),
    /** What is forgotten, where that is several things: which of those prompts are each's; none for one. */
    concepts: z.array(
      z.object({
        name: z.string(),
        prompts: z.array(z.string()),
        neighbours: z.array(z.string()),
      }),
    ),
    /** Numbers of pictures. */
    forgetImages: count,
    retainImages: count,
    /** Shapes that its pictures are trained in; none where all have that of what is drawn. */
    shapes: z.array(pictureShapeSchema),
    /** What of the request may not be meant so, or is not heeded. */
    warnings: z.array(z.string()),
    /** What its model is trained as; null until the job is prepared. */
    prediction: predictionReadingSchema.nullable(),
    /** Files that its model is run with, each with what it is: a VAE, LoRAs, embeddings. */
    companions: z.array(
      z.object({
        title: z.string(),
        text: z.string(),
        kind: z.enum(['vae', 'lora', 'embedding']),
        /** Of its file. */
        name: z.string(),
        /** How many times a LoRA counts; null of others. */
        strength: z.number().nullable(),
      }),
    ),
    /** Classifiers that judge it, besides the model itself. */
    judges: z.array(z.object({ name: z.string(), classes: z.array(z.string()) })),
    /** Null until the job is prepared. */
    settings: settingsSchema.nullable(),
    /** Where those settings were guessed from that say how it is drawn. */
    drawingSources: z.partialRecord(z.enum(drawingNames), z.string()),
    device: z.enum(devices).nullable(),
    /** Who is to draw the pictures of its sets. */
    pictures: z.enum(picturesWishes),
    /** How far the host is that draws them; null where it does not. */
    drawing: z.object({ done: count, total: count }).nullable(),
    /** Of a method without steps: how many of the tensors that it changes are written. */
    editing: z.object({ done: count, total: count }).nullable(),
    phase: z.enum(phases).nullable(),
    secondsPerStep: seconds,
    etaSeconds: seconds,
    /** From the start to the end, or until now. */
    seconds,
    /** Resident memory of the training process, the last reading. */
    memoryBytes: z.number().nullable(),
    samples: z.array(sampleViewSchema),
    /** What checks of forgotten prompts found on the way, in the order of their steps. */
    judged: z.array(judgedPointSchema),
    evaluation: evaluationSchema.nullable(),
    result: z
      .object({
        /** What it is; of a checkpoint and a LoRA file the checkpoint. */
        kind: z.enum(['checkpoint', 'lora']),
        /** As `GET /api/models` names it, where it lies in a models folder. */
        model: z.string(),
        path: z.string(),
        bytes: z.number(),
        isActive: z.boolean(),
      })
      .nullable(),
    /** Attacks on its result, each of another kind. */
    attacks: z.array(jobAttackSchema),
    /** Checkpoints merged from its LoRA file at strengths that were chosen, those that are there. */
    merged: z.array(
      z.object({
        strength: z.number(),
        /** As `GET /api/models` names it. */
        model: z.string(),
        path: z.string(),
        bytes: z.number(),
        isActive: z.boolean(),
        /** What rounding took of the change. */
        remark: z.string(),
      }),
    ),
    /** Its LoRA file, where it made one and it is there. */
    lora: z
      .object({
        path: z.string(),
        bytes: z.number(),
        /** As prompts and nodes name it. */
        name: z.string(),
        /** For a prompt in AUTOMATIC1111 and its relatives, at strength 1. */
        tag: z.string(),
        /** Where it lies in the web UI's folder of LoRAs; null where it is not in use. */
        usedAt: z.string().nullable(),
        /** Whether it lies in the folder of the job, and is deleted with it. */
        isInJob: z.boolean(),
      })
      .nullable(),
    hasReport: z.boolean(),
    canResume: z.boolean(),
    /** The model that `rollback` goes back to; null where the result is not in use. */
    rollbackTo: z.string().nullable(),
  }),
);
/** See `jobViewSchema`. */
export type JobView = Answer<typeof jobViewSchema>;

const figure = z.number().nullable();

/** What was measured in one outer step; see `ProgressEvent`. */
const progressPointSchema = named(
  'ProgressPoint',
  z.object({
    step: count,
    steps: count,
    retainLoss: figure,
    forgetLoss: figure,
    gap: figure,
    lambda: figure,
    retainGradientNorm: figure,
    forgetGradientNorm: figure,
    retainCosine: figure.exactOptional(),
    forgetCosine: figure.exactOptional(),
    secondsPerStep: z.number(),
    etaSeconds: z.number(),
    memoryBytes: z.number().exactOptional(),
  }),
) satisfies z.ZodType<Omit<ProgressEvent, 'event'>>;
/** See `ProgressEvent`. */
export type ProgressPoint = Answer<typeof progressPointSchema>;

const logLineSchema = named(
  'LogLine',
  z.object({
    time: z.string(),
    level: z.enum(['info', 'warning', 'error']),
    message: z.string(),
  }),
);
/** A line of a job's log. */
export type LogLine = Answer<typeof logLineSchema>;

/** Of `GET /api/jobs/:id/metrics`, and what `job:watch` is answered with. */
export const jobHistorySchema = named(
  'JobHistory',
  z.object({
    /** One point for each outer step, in order; a step that was done again after a resume once. */
    progress: z.array(progressPointSchema),
    log: z.array(logLineSchema),
  }),
);
/** See `jobHistorySchema`. */
export type JobHistory = Answer<typeof jobHistorySchema>;
