import { z } from 'zod';

import { predictionReadingSchema } from '../diffusion/prediction-reading.ts';
import { classifierChoiceSchema } from '../evaluation/classifier/classifier-choice.ts';
import { companionFields } from './companions.ts';
import { jobConceptSchema } from './concepts.ts';
import { pictureShapeSchema } from './picture-shapes.ts';
import { drawingNames } from '../drawing/drawing.ts';
import { devices } from '../runtime/device.ts';
import { settingsSchema, type TrainingSettings } from '../methods/registry.ts';

/** A prompt to forget and the prompt its predictions are steered to. */
const forgetPromptSchema = z.object({ prompt: z.string(), anchor: z.string() });

/** Everything needed to run an erasure again: the contents of `job.yaml`. */
export const jobSchema = z.object({
  /** Jobs of versions before are read by `upgradeJob`. */
  version: z.literal(3),
  id: z.string().regex(/^[a-z0-9][a-z0-9-]*$/),
  createdAt: z.iso.datetime(),
  appVersion: z.string(),
  model: z.object({ path: z.string(), sha256: z.string() }),
  ...companionFields,
  /** What the model was found to predict; null in jobs of earlier versions, which did not keep it. */
  prediction: predictionReadingSchema.nullable().default(null),
  /** A checkpoint, or the LoRA file where it is all that is made. */
  output: z.string(),
  /** Whether a person chose that name, so that no other one will do. */
  outputIsGiven: z.boolean().default(false),
  /** Where the LoRA file goes that is made beside a checkpoint; null where none is. */
  loraOutput: z.string().nullable().default(null),
  preset: z.string().nullable(),
  /** The words of what is forgotten, where somebody says them; jobs of earlier versions do not keep them. */
  concept: z.string().nullable().default(null),
  forget: z.array(forgetPromptSchema).min(1),
  /** Further wordings, which are measured by and never trained on. */
  heldBack: z.array(forgetPromptSchema).default([]),
  /** What is forgotten, where that is several things with prompts of their own; none for one. */
  concepts: z.array(jobConceptSchema).default([]),
  /** Folder of images to forget; their captions name prompts that also join `forget`. */
  forgetImages: z.string().nullable(),
  retain: z.array(z.string()).min(1),
  retainImages: z.string().nullable(),
  /** Shapes that its pictures are trained in; none where all have that of what is drawn. */
  shapes: z.array(pictureShapeSchema).default([]),
  /** What of the request may not be meant so; jobs of earlier versions have none. */
  warnings: z.array(z.string()).default([]),
  /** Classifiers that judge the result; jobs of earlier versions have none. */
  judges: z.array(classifierChoiceSchema).default([]),
  settings: settingsSchema,
  /** Where settings of how it is drawn were guessed from; jobs of earlier versions guessed none. */
  drawingSources: z.partialRecord(z.enum(drawingNames), z.string()).default({}),
  device: z.enum(devices),
  threads: z.number().int().min(1),
});
export type EraseJob = z.infer<typeof jobSchema>;

/** A job whose method trains in steps. */
export type TrainingJob = EraseJob & { readonly settings: TrainingSettings };
