import { appendFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { folderOfJob, openJobFolder } from '../../src/jobs/local/job-folder.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { createJobFolder } from './create-job-folder.ts';
import { exampleJob } from './example-job.ts';

describe('createJobFolder', () => {
  it('names a job by its time and concept, and reads it back', async () => {
    const data = makeTemporaryFolder();
    const { job, path } = await createJobFolder(data, 'Pontilla', exampleJob);
    expect(job.id).toBe('20261124-0415-pontilla');
    expect(path).toBe(join(data, 'jobs', job.id));
    expect(readdirSync(path).sort()).toEqual([
      'job.yaml',
      'request.yaml',
      'samples',
      'state',
      'status.json',
    ]);
    expect((await openJobFolder(folderOfJob(data, job.id))).job).toEqual({
      ...exampleJob,
      id: job.id,
    });
    expect((await openJobFolder(folderOfJob('/nowhere', path))).job.id).toBe(job.id);
  });

  it('gives jobs of the same minute different ids', async () => {
    const data = makeTemporaryFolder();
    const made = await Promise.all(
      Array.from({ length: 4 }, () => createJobFolder(data, 'Pontilla', exampleJob)),
    );
    expect(new Set(made.map(({ job }) => job.id)).size).toBe(4);
  });

  it('keeps ids to plain letters and a bearable length', async () => {
    const data = makeTemporaryFolder();
    const ids = [];
    for (const concept of ['Édouard Manet', '日本', 'x'.repeat(500), '../../etc']) {
      ids.push((await createJobFolder(data, concept, exampleJob)).job.id.slice(14));
    }
    expect(ids).toEqual(['edouard-manet', 'concept', 'x'.repeat(40), 'etc']);
  });

  it('says that the data folder cannot be written to', async () => {
    const file = join(makeTemporaryFolder(), 'file');
    writeFileSync(file, '');
    await expect(createJobFolder(file, 'x', exampleJob)).rejects.toMatchObject({
      code: 'output.unwritable',
    });
  });
});

describe('openJobFolder', () => {
  it('says where it looked for a job that does not exist', async () => {
    await expect(openJobFolder(folderOfJob('/nowhere', 'no-such-job'))).rejects.toMatchObject({
      code: 'job.not-found',
      message: expect.stringContaining('no-such-job') as string,
    });
  });

  it('reads a job of a version that knew no evaluation, which has none', async () => {
    const data = makeTemporaryFolder();
    const { job, path } = await createJobFolder(data, 'x', exampleJob);
    const text = readFileSync(join(path, 'job.yaml'), 'utf8');
    const older = text
      .replace('version: 3', 'version: 1')
      .replace(/^ *evaluationPictures: 0\n/m, '');
    expect(older).not.toBe(text);
    writeFileSync(join(path, 'job.yaml'), older);
    expect((await openJobFolder(folderOfJob(data, job.id))).job).toEqual(job);
  });

  it.each([
    ['broken YAML', 'version: [1'],
    ['a missing field', 'version: 1\n'],
    ['another version', 'version: 3\n'],
    ['aliases', 'a: &a [1]\nb: *a\n'],
  ])('refuses a job.yaml with %s', async (_, text) => {
    const data = makeTemporaryFolder();
    const { path } = await createJobFolder(data, 'x', exampleJob);
    writeFileSync(join(path, 'job.yaml'), text);
    await expect(openJobFolder(folderOfJob(data, path))).rejects.toMatchObject({
      code: 'job.damaged',
    });
  });
});

const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string;

describe('events.ndjson', () => {
  it('survives a line that was cut off', async () => {
    const folder = await createJobFolder(makeTemporaryFolder(), 'x', exampleJob);
    expect(await folder.readEvents()).toEqual([]);
    await folder.mendEvents();
    expect(existsSync(join(folder.path, 'events.ndjson'))).toBe(false);
    folder.appendEvent({ event: 'phase', phase: 'encode' });
    appendFileSync(join(folder.path, 'events.ndjson'), '{"event":"pha');
    await folder.mendEvents();
    // The time that it has stays.
    const past = { event: 'phase', phase: 'train', time: '2026-11-24T04:15:00.000Z' } as const;
    expect(folder.appendEvent(past)).toEqual(past);
    expect(await folder.readEvents()).toEqual([
      { event: 'phase', phase: 'encode', time },
      { event: 'phase', phase: 'train', time: '2026-11-24T04:15:00.000Z' },
    ]);
    expect(readFileSync(join(folder.path, 'events.ndjson'), 'utf8')).toMatch(
      /"phase":"train",.*\}\n$/,
    );
  });
});
