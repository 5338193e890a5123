import { z } from 'zod';

import { type Answer, named } from './answer.ts';
import { devices } from '../runtime/device.ts';

/** Who works on the jobs of a queue that several machines share. */
export const workerViewSchema = named(
  'WorkerView',
  z.object({
    name: z.string(),
    version: z.string(),
    device: z.enum(devices),
    /** When it began to work (ISO 8601). */
    since: z.iso.datetime(),
    /** What it works on; none where it waits. */
    jobs: z.array(z.object({ id: z.string(), since: z.iso.datetime() })),
  }),
);
export type WorkerView = Answer<typeof workerViewSchema>;
