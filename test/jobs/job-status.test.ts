import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { jobStates, type JobState } from '../../src/contract/job-views.ts';
import type { RecordedEvent } from '../../src/erase/events.ts';
import { jobBegun } from '../../src/erase/job-begun.ts';
import { JobRecord } from '../../src/jobs/job-record.ts';
import {
  abandonedStatus,
  isAllowed,
  isUnderWay,
  type JobAction,
  type JobStatus,
  jobTransitions,
  newStatus,
  nextState,
} from '../../src/jobs/job-status.ts';
import { StoredFolder } from '../../src/jobs/local/stored-folder.ts';
import { StatusKeeper } from '../../src/jobs/status-keeper.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { createJobFolder } from './create-job-folder.ts';
import { exampleJob } from './example-job.ts';

const error = (code: string) => ({
  kind: 'error' as const,
  event: { event: 'error' as const, code, message: 'x' },
});

describe('the states of a job', () => {
  it('are all reached from a new one, and each leads on but the last', () => {
    const reached = new Set([newStatus(null).state, newStatus('2026-01-01T00:00:00.000Z').state]);
    // A set goes on with what is added meanwhile.
    for (const state of reached) {
      for (const next of Object.values(jobTransitions[state])) reached.add(next);
    }
    expect([...reached].sort()).toEqual([...jobStates].sort());
    const finalStates = jobStates.filter(
      (state) => Object.keys(jobTransitions[state]).length === 0,
    );
    expect(finalStates).toEqual(['done']);
  });

  it.each(jobStates)('%s: stops of a job under way, else only a beginning', (state) => {
    const possible = Object.keys(jobTransitions[state]) as JobAction[];
    const stops: JobAction[] = ['finish', 'fail', 'cancel', 'interrupt'];
    if (isUnderWay(state)) expect(possible).toEqual(expect.arrayContaining(stops));
    else expect(possible).toEqual(state === 'done' ? [] : ['resume', 'train']);
  });

  it('are drawn in architecture.md as they are', () => {
    const document = readFileSync('docs/architecture.md', 'utf8').replaceAll(/ +\|/g, ' |');
    for (const state of jobStates) {
      const transitions = Object.entries(jobTransitions[state]).map((pair) => pair.join(' → '));
      const row = `| \`${state}\` | ${transitions.join(', ') || 'nothing'} |`;
      expect(document).toContain(row);
    }
  });

  it('do not take what cannot happen', () => {
    expect(isAllowed('training', 'resume')).toBe(false);
    expect(() => nextState('done', 'train')).toThrow('a job that is done cannot train');
  });

  it.each([
    [null, 'interrupted'],
    [{ kind: 'done' } as const, 'done'],
    [error('job.cancelled'), 'cancelled'],
    [error('checkpoint.nan'), 'failed'],
  ] as const)('of a run that was killed follow from its last event: %o', (outcome, state) => {
    const killed: JobStatus = { ...newStatus(null), state: 'training' };
    expect(abandonedStatus(killed, outcome).state).toBe(state);
    const stopped: JobStatus = { ...newStatus(null), state: 'cancelled' };
    expect(abandonedStatus(stopped, outcome).state).toBe('cancelled');
  });
});

describe('the status of a job', () => {
  it('is on the disk after each change, the last one at the end', async () => {
    const stored = new StoredFolder(makeTemporaryFolder());
    const keeper = new StatusKeeper(stored, newStatus(null));
    await Promise.all([keeper.advance('train'), keeper.advance('evaluate')]);
    expect((await stored.readStatus()).state).toBe('evaluating');
    await keeper.advance('finish');
    await expect(keeper.advance('resume')).rejects.toThrow('cannot resume');
    expect(await stored.readStatus()).toEqual({ ...newStatus(null), state: 'done' });
  });

  it('of a newer version is refused by its file, and left as it is', async () => {
    const folder = makeTemporaryFolder();
    const file = path.join(folder, 'status.json');
    const newer = JSON.stringify({ ...newStatus(null), version: 2 });
    writeFileSync(file, newer);
    await expect(new StoredFolder(folder).readStatus()).rejects.toMatchObject({
      code: 'job.damaged',
      message: expect.stringContaining(file) as string,
    });
    expect(readFileSync(file, 'utf8')).toBe(newer);
  });

  it('takes the place of what 0.1.0 has left', async () => {
    const folder = path.join(makeTemporaryFolder(), 'job');
    mkdirSync(folder);
    writeFileSync(path.join(folder, 'server.json'), '{"queuedAt":null,"picturesBy":"host"}');
    const stored = new StoredFolder(folder);
    const found = await stored.readStatus();
    expect(found).toMatchObject({ state: 'interrupted', picturesBy: 'host' });
    await stored.writeStatus(found);
    expect(() => readFileSync(path.join(folder, 'server.json'))).toThrow('ENOENT');
    expect(await stored.readStatus()).toEqual(found);
  });

  it('counts as none where the file means nothing', async () => {
    for (const text of [
      '',
      '{',
      'null',
      '[]',
      '{"state":"done"}',
      '{"version":1,"state":"gone"}',
    ]) {
      const folder = folderWith([{ event: 'done', output: '', job: '', seconds: 1 }]);
      writeFileSync(path.join(folder, 'status.json'), text);
      expect((await new StoredFolder(folder).readStatus()).state, text).toBe('done');
    }
  });
});

/** The state that a server of 0.1.0 showed of a job that it did not work on. */
function stateBefore(
  server: { queuedAt: string | null; interruption: object | null },
  end: RecordedEvent | null,
): JobState {
  if (server.queuedAt !== null) return 'queued';
  if (server.interruption !== null || end === null) return 'interrupted';
  if (end.event === 'done') return 'done';
  return end.event === 'error' && end.code === 'job.cancelled' ? 'cancelled' : 'failed';
}

describe('the status of a job of 0.1.0', () => {
  const begun: RecordedEvent[] = [
    jobBegun({ ...exampleJob, id: 'x' }, ''),
    { event: 'phase', phase: 'evaluate' },
  ];
  const ends: (RecordedEvent | null)[] = [
    null,
    { event: 'done', output: '', job: 'x', seconds: 1 },
    { event: 'error', code: 'job.cancelled', message: 'x' },
    { event: 'error', code: 'device.out-of-memory', message: 'x' },
  ];
  const servers = [null, '2026-01-01T00:00:00.000Z'].flatMap((queuedAt) =>
    [null, { code: 'device.crashed', message: 'x' }].map((interruption) => ({
      queuedAt,
      interruption,
    })),
  );

  it('is what its flags and events meant, whatever they were', async () => {
    for (const server of servers) {
      for (const end of ends) {
        const folder = folderWith(end ? [...begun, end] : begun);
        writeFileSync(path.join(folder, 'server.json'), JSON.stringify(server));
        const found = await new StoredFolder(folder).readStatus();
        expect(found).toMatchObject({ ...server, state: stateBefore(server, end) });
      }
    }
  });

  it('follows from its events alone where no server had it, or its file means nothing', async () => {
    for (const text of [null, '', '{', '[]', '{"queuedAt":5}']) {
      for (const end of ends) {
        const folder = folderWith(end ? [...begun, end] : begun);
        if (text !== null) writeFileSync(path.join(folder, 'server.json'), text);
        const { state } = await new StoredFolder(folder).readStatus();
        expect(state).toBe(stateBefore({ queuedAt: null, interruption: null }, end));
      }
    }
  });

  it.each([
    [begun.slice(0, 1), 'training'],
    [begun, 'evaluating'],
  ] as const)('that its command line runs right now is shown so: %#', async (events, state) => {
    const { path: folder } = await createJobFolder(makeTemporaryFolder(), 'x', exampleJob);
    rmSync(path.join(folder, 'status.json'));
    const stored = new StoredFolder(folder);
    for (const event of events) stored.appendEvent(event);
    let runner: 'here' | null = 'here';
    const record = await JobRecord.open(stored, {
      sharing: null,
      runner: { findRunner: () => Promise.resolve(runner) },
    });
    expect([record.state, record.isRunElsewhere]).toEqual([state, true]);
    // Killed: there is no event of it.
    runner = null;
    await record.catchUp();
    expect([record.state, record.isRunElsewhere]).toEqual(['interrupted', false]);
  });
});

/** A job's folder in which so much has happened. */
function folderWith(events: readonly RecordedEvent[]): string {
  const folder = makeTemporaryFolder();
  const log = new StoredFolder(folder);
  for (const event of events) log.appendEvent(event);
  return folder;
}
