import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { acquireJobLock, requireUnlocked } from '../../src/jobs/local/job-lock.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

/** The id of a process that has ended. */
function deadProcessId(): number {
  return spawnSync(process.execPath, ['--version']).pid;
}

describe('acquireJobLock', () => {
  it('keeps a second process out until it is released', async () => {
    const folder = makeTemporaryFolder();
    const lock = await acquireJobLock(folder, process.pid);
    const refusal = { code: 'job.wrong-state', message: /being run by process \d+/ };
    await expect(acquireJobLock(folder, process.pid)).rejects.toMatchObject({
      code: refusal.code,
      message: expect.stringMatching(refusal.message) as string,
    });
    await expect(requireUnlocked(folder)).rejects.toMatchObject({ code: refusal.code });
    await lock.release();
    await requireUnlocked(folder);
    await (await acquireJobLock(folder, process.pid)).release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('takes over from a process that has died', async () => {
    const folder = makeTemporaryFolder();
    await acquireJobLock(folder, deadProcessId());
    await requireUnlocked(folder);
    const lock = await acquireJobLock(folder, process.pid);
    expect(readFileSync(join(folder, 'lock'), 'utf8')).toContain(String(process.pid));
    await lock.release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it.runIf(process.platform === 'linux')(
    'is not deceived by another process that got the id of a dead one',
    async () => {
      const folder = makeTemporaryFolder();
      const lock = await acquireJobLock(folder, process.pid);
      const path = join(folder, 'lock');
      const holder = JSON.parse(readFileSync(path, 'utf8')) as { startMark: string };
      writeFileSync(path, JSON.stringify({ ...holder, startMark: '1' }));
      await lock.release();
      await expect(acquireJobLock(folder, process.pid)).resolves.toBeDefined();
    },
  );

  it('believes the lock of another machine, and says how to get rid of it', async () => {
    const folder = makeTemporaryFolder();
    const holder = { processId: deadProcessId(), startMark: null, host: 'another-machine' };
    writeFileSync(join(folder, 'lock'), JSON.stringify(holder));
    await expect(acquireJobLock(folder, process.pid)).rejects.toThrow(/on another-machine.*delete/);
  });

  it('replaces a lock file that means nothing', async () => {
    const folder = makeTemporaryFolder();
    writeFileSync(join(folder, 'lock'), 'x');
    await expect(acquireJobLock(folder, process.pid)).resolves.toBeDefined();
  });

  it('lets one of many in, also over a dead process', async () => {
    const folder = makeTemporaryFolder();
    await acquireJobLock(folder, deadProcessId());
    const tries = await Promise.allSettled(
      Array.from({ length: 8 }, () => acquireJobLock(folder, process.pid)),
    );
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });
});
