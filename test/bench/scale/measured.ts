import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';

const cost = z.number().positive();

const measuredSchema = z.object({
  date: z.string(),
  machine: z.string(),
  redis: z.string(),
  /** Processor time of the Redis server for each of these, in microseconds. */
  microseconds: z.object({
    /** A worker without a job looks for one, */
    look: cost,
    /** and one tells that it is there. */
    tell: cost,
    /** A server makes a job and puts it in the queue. */
    add: cost,
    /** A worker takes a job, */
    take: cost,
    /** asks whether it is cancelled and renews its lock, */
    beat: cost,
    /** records a step, */
    step: cost,
    /** and records the end. */
    finish: cost,
    /** A server reads a step and the state of its job. */
    follow: cost,
    /** A server looks which jobs wait and are worked on, for each of them, */
    lookPerJob: cost,
    /** and which there are, those that are done too. */
    listPerJob: cost,
  }),
  /** What a job and one of its events hold in Redis. */
  jobBytes: cost,
  eventBytes: cost,
  hashSecondsPerGigabyte: cost,
});
/** What `measure.ts` found. */
export type Measured = z.infer<typeof measuredSchema>;

export function readMeasured(): Measured {
  const file = path.join(import.meta.dirname, 'measured.json');
  return measuredSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
}
