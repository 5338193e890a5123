import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';

import { replaceFile } from '../../checkpoint/atomic-file.ts';

const serverStateSchema = z.object({
  /** When it was put in the queue; null for a job that the server owes nothing. */
  queuedAt: z.string().nullable().default(null),
  /** Starts of the server that found it unfinished, since it last got any further than `step`. */
  recoveries: z.object({ count: z.int(), step: z.int() }).default({ count: 0, step: 0 }),
  /** Why it could not go on by itself. */
  interruption: z.object({ code: z.string(), message: z.string() }).nullable().default(null),
  /** Who draws the pictures of its sets; null where it was not found out yet. */
  picturesBy: z.enum(['host', 'sidecar']).nullable().default(null),
  /** Name of the model that was active before this job's was. */
  rollbackTo: z.string().nullable().default(null),
});
/** What the server must remember of a job besides its request and events: `server.json`. */
export type ServerState = z.infer<typeof serverStateSchema>;

const initialState = serverStateSchema.parse({});

const pathOf = (folder: string) => path.join(folder, 'server.json');

/** What was remembered last. A file that means nothing counts as none: the events tell the rest. */
export async function readServerState(folder: string): Promise<ServerState> {
  try {
    return serverStateSchema.parse(JSON.parse(await readFile(pathOf(folder), 'utf8')));
  } catch {
    return initialState;
  }
}

/** Remembers. */
export async function writeServerState(folder: string, state: ServerState): Promise<void> {
  await replaceFile(pathOf(folder), JSON.stringify(state));
}
