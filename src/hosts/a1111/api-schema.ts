import { z } from 'zod';

import { drawingFields } from '../../drawing/drawing.ts';

// What is read of the answers of /sdapi/v1; all of them hold more.

const entrySchema = z.object({
  /** The name and, once the host has hashed the file, ` [first 10 hexadecimal digits]`. */
  title: z.string(),
  model_name: z.string(),
  hash: z.string().nullish(),
  sha256: z.string().nullish(),
  filename: z.string(),
});
/** A line of `GET sd-models`. */
export type CheckpointEntry = z.infer<typeof entrySchema>;

export const entriesSchema = z.array(entrySchema);

/** `GET options`; which others there are tells who answers. */
export const optionsSchema = z.looseObject({
  /** What is wanted. */
  sd_model_checkpoint: z.string().nullish(),
  /** SHA-256 of what is loaded. */
  sd_checkpoint_hash: z.string().nullish(),
  /** Of SD.Next alone: its folder of LoRAs. */
  lora_dir: z.string().nullish().catch(null),
  /** Likewise of embeddings. */
  embeddings_dir: z.string().nullish().catch(null),
  /** `Automatic`, `None`, or the name of a VAE. */
  sd_vae: z.string().nullish().catch(null),
  /** Clip skip, of all that is drawn; SD.Next has it for each picture. */
  CLIP_stop_at_last_layers: drawingFields.clipSkip.nullish().catch(null),
  /** Of Forge and Forge Neo: files of VAEs and text encoders, which take the place of the model's own. */
  forge_additional_modules: z.unknown().optional(),
  /** Of Forge and Forge Neo: the family that its page is set up for. */
  forge_preset: z.string().nullish().catch(null),
});
export type Options = z.infer<typeof optionsSchema>;

/** `GET loras`, of the built-in extension of that name. */
export const lorasSchema = z.array(z.object({ name: z.string(), path: z.string() }));

/** `GET sd-vae`, and Forge's `GET sd-modules`. */
export const vaesSchema = z.array(z.object({ model_name: z.string(), filename: z.string() }));

/** `GET cmd-flags`: what it was started with. */
export const flagsSchema = z.object({
  lora_dir: z.string().nullish(),
  embeddings_dir: z.string().nullish(),
});
export type Flags = z.infer<typeof flagsSchema>;

/** The error of Forge and its relatives for some of their flags, which holds them all the same. */
export const refusedFlagsSchema = z.object({ body: flagsSchema });

/** `GET progress`. */
export const progressSchema = z.object({
  state: z.object({
    job: z.string(),
    /** Whether somebody ended the last picture before it was done. */
    interrupted: z.boolean().optional(),
  }),
});

/** `POST txt2img`. */
export const pictureSchema = z.object({
  images: z.array(z.string().min(1)).min(1),
  info: z.string().transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      context.addIssue({ code: 'custom', message: 'not JSON' });
      return z.NEVER;
    }
  }),
});

/** Where the picture is among `images`: a grid of all may come before it. */
export const placeSchema = z.object({ index_of_first_image: z.int().min(0).nullish() });

/** The part of a picture's `info` that says which model drew it. */
export const infoSchema = z.object({
  /** Of the file, without folder and ending. */
  sd_model_name: z.string().nullish(),
  sd_model_hash: z.string().nullish(),
});

/** `GET checkpoint` of SD.Next: what is loaded. */
export const loadedSchema = z.object({ title: z.string().nullish() });
