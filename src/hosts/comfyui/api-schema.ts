import { z } from 'zod';

import { graphSchema } from './drawing-of-graph.ts';

// What is read of ComfyUI's answers; all of them hold more.

/** `GET experiment/models`. */
export const foldersSchema = z.array(z.object({ name: z.string(), folders: z.array(z.string()) }));

/** `GET experiment/models/checkpoints`, and of other kinds. */
export const filesSchema = z.array(
  z.object({
    /** Its path in the folder. */
    name: z.string(),
    /** Of the folder, among those of the kind. */
    pathIndex: z.int(),
  }),
);

/** `GET queue`. */
export const queueSchema = z.object({
  queue_running: z.array(z.unknown()),
  queue_pending: z.array(z.unknown()),
});

/** `POST prompt`. */
export const queuedSchema = z.object({ prompt_id: z.string() });

/** What a prompt that was not taken is refused with. */
export const refusalSchema = z.object({
  node_errors: z.record(
    z.string(),
    z.object({ errors: z.array(z.object({ message: z.string(), details: z.string() })) }),
  ),
});

const messageSchema = z.tuple([z.string(), z.record(z.string(), z.unknown())]);
export type HistoryMessage = z.infer<typeof messageSchema>;

/** A prompt that has ended, well or not. */
const endedSchema = z.object({
  /** By the node; nodes that have other outputs have no images. */
  outputs: z.record(
    z.string(),
    z.object({
      images: z
        .array(z.object({ filename: z.string(), subfolder: z.string(), type: z.string() }))
        .optional(),
    }),
  ),
  status: z.object({ completed: z.boolean(), messages: z.array(messageSchema) }),
});
export type Ended = z.infer<typeof endedSchema>;

/** `GET history/{prompt_id}`: empty until it has ended. */
export const historySchema = z.record(z.string(), endedSchema);

/** `GET history?max_items=N`: number, id and nodes of each prompt that has ended, the newest last. */
export const ranSchema = z.record(
  z.string(),
  z.object({ prompt: z.tuple([z.number(), z.string(), graphSchema]).rest(z.unknown()) }),
);
