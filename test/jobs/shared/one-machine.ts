import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';

import type { JobRequest } from '../../../src/contract/requests.ts';
import { rounds } from '../../helpers/long.ts';
import { startTestSidecar, type TestSidecar } from '../../helpers/sidecar.ts';
import { eventsOf, type Fleet, realTraining, resultOf, stepsIn } from './shared-jobs.ts';

// What jobs of many machines are held to: what they are on one.

/** Some steps of the tiny model, with all phases that a job has. */
export const small: Partial<JobRequest> = {
  settings: {
    ...{ steps: 24, batch: 1, generatedForget: 1, generatedRetain: 1, drawSteps: 2 },
    ...{ evaluationPictures: 1, measured: 'prompts' },
    ...{ sampleEvery: 0, saveEvery: 1, train: 'xattn' },
  },
};
/** For a few rounds, or for all. */
export const patience = rounds({ few: 300_000, many: 3_600_000 });

export const slowly: Partial<JobRequest> = { forget: ['slowly a heart'] };
export const quick: Partial<JobRequest> = {};

/** Jobs of a fleet are asked for at a server. */
interface Running {
  readonly fleet: Fleet;
  readonly server: TestSidecar;
}

const hashOf = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex');

const hashes = new Map<Partial<JobRequest>, string>();

/** The hash of a job's result on one machine alone. */
async function hashAlone(request: Partial<JobRequest>): Promise<string> {
  const known = hashes.get(request);
  if (known !== undefined) return known;
  const sidecar = await startTestSidecar(request === small ? { worker: realTraining } : {});
  const { result } = await resultOf(sidecar, (await sidecar.create(request)).id);
  const hash = hashOf(result!.path);
  hashes.set(request, hash);
  await sidecar.close();
  return hash;
}

/** Waits for a job's end and holds it to what it is on one machine. */
export async function expectSame(
  { fleet, server }: Running,
  id: string,
  request: Partial<JobRequest>,
): Promise<void> {
  const { result } = await resultOf(server, id);
  expect(hashOf(result!.path)).toBe(await hashAlone(request));
  const events = await eventsOf(fleet, id);
  expect(events.filter(({ event }) => event === 'done')).toHaveLength(1);
  const steps = new Set(stepsIn(events));
  expect(steps.size).toBe(request.settings?.steps ?? 10);
  expect([...steps].sort((a, b) => a - b)).toEqual(
    Array.from({ length: steps.size }, (_, i) => i + 1),
  );
}
