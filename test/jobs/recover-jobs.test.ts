import { expect, it } from 'vitest';

import { jobBegun } from '../../src/erase/job-begun.ts';
import { JobRecord } from '../../src/jobs/job-record.ts';
import { newStatus } from '../../src/jobs/job-status.ts';
import { FolderRepository } from '../../src/jobs/local/folder-repository.ts';
import { StoredFolder } from '../../src/jobs/local/stored-folder.ts';
import { nothingGiven } from '../../src/jobs/ports.ts';
import { recoverJobs } from '../../src/jobs/recover-jobs.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { createJobFolder, draftOf } from './create-job-folder.ts';
import { exampleJob } from './example-job.ts';

const nobody = { sharing: null, runner: { findRunner: () => Promise.resolve(null) } };

/** A job that a server was killed with in the middle of its training. */
async function openKilled(data: string, queuedAt: string) {
  const { path, job } = await createJobFolder(data, 'heart', exampleJob);
  const stored = new StoredFolder(path);
  stored.appendEvent(jobBegun(job, path));
  await stored.writeStatus({ ...newStatus(queuedAt), state: 'training' });
  /** The next server finds it; @returns the ids of those that it goes on with */
  const restart = async (): Promise<[string[], JobRecord]> => {
    const record = await JobRecord.open(stored, nobody);
    const recovered = await recoverJobs([record]);
    return [recovered.map(({ id }) => id), record];
  };
  const advanceTo = (step: number) =>
    stored.appendEvent({
      ...{ event: 'progress', step, steps: 9, retainLoss: 1, forgetLoss: 1, gap: null },
      ...{ lambda: 1, retainGradientNorm: 1, forgetGradientNorm: 1 },
      ...{ secondsPerStep: 1, etaSeconds: 1 },
    });
  return { stored, restart, advanceTo, id: job.id };
}

it('a job is gone on with by three servers, and given up by the next one', async () => {
  const { stored, restart, id } = await openKilled(makeTemporaryFolder(), '2026-01-01T00:00:00Z');
  for (let server = 1; server <= 3; server++) {
    expect((await restart())[0]).toEqual([id]);
    expect(await stored.readStatus()).toMatchObject({
      state: 'queued',
      recoveries: { count: server },
    });
  }
  const [recovered, record] = await restart();
  expect(recovered).toEqual([]);
  expect([record.state, record.error?.code]).toEqual(['interrupted', 'device.crashed']);
  // For good: it is no server's any more.
  expect((await restart())[0]).toEqual([]);
});

it('a job that gets further from one server to the next is not given up', async () => {
  const { restart, advanceTo, id } = await openKilled(
    makeTemporaryFolder(),
    '2026-01-01T00:00:00Z',
  );
  for (let server = 1; server <= 5; server++) {
    advanceTo(server);
    expect((await restart())[0]).toEqual([id]);
  }
});

it('jobs go on in the order in which they were put in the queue, those of commands not at all', async () => {
  const data = makeTemporaryFolder();
  const later = await openKilled(data, '2026-01-02T00:00:00Z');
  const earlier = await openKilled(data, '2026-01-01T00:00:00Z');
  const waiting = await new FolderRepository(data).add(draftOf('star', exampleJob), nothingGiven);
  const { path } = await createJobFolder(data, 'moon', exampleJob);
  const records = await Promise.all(
    [later.stored, waiting, new StoredFolder(path), earlier.stored].map((stored) =>
      JobRecord.open(stored, nobody),
    ),
  );
  expect(records.map(({ state }) => state)).toEqual([
    'training',
    'queued',
    'interrupted',
    'training',
  ]);
  const recovered = await recoverJobs(records);
  expect(recovered.map(({ id }) => id)).toEqual([earlier.id, later.id, waiting.id]);
  expect(recovered.map(({ state }) => state)).toEqual(['queued', 'queued', 'queued']);
});
