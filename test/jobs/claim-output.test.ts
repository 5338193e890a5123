import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import { reserveOutput } from '../../src/checkpoint/output-reservation.ts';
import { claimOutput } from '../../src/jobs/local/claim-output.ts';
import { openJobFolder } from '../../src/jobs/local/job-folder.ts';
import { prepareOutput } from '../../src/jobs/request/prepare-output.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { createJobFolder } from './create-job-folder.ts';
import { exampleJob } from './example-job.ts';

async function jobOf(output: string, outputIsGiven = false) {
  return createJobFolder(makeTemporaryFolder(), 'heart', { ...exampleJob, output, outputIsGiven });
}

describe('claimOutput', () => {
  it('lets the later of two runs have the next name, and gives names back', async () => {
    const folder = makeTemporaryFolder();
    const output = path.join(folder, 'm-without-heart.safetensors');
    const first = await jobOf(output);
    const second = await jobOf(output);
    const claimed = await claimOutput(first);
    expect(claimed.notice).toBeNull();
    const other = await claimOutput(second);
    expect(other.notice).toBe(
      `"${output}" is being written by job ${first.job.id}. The result is called "m-without-heart-2.safetensors" instead.`,
    );
    expect((await openJobFolder(second.path)).job.output).toBe(
      path.join(folder, 'm-without-heart-2.safetensors'),
    );
    // Whoever prepares a third one is told the third name.
    const prepared = await prepareOutput(path.join(folder, 'm.safetensors'), {
      concept: 'heart',
      wanted: undefined,
    });
    expect(path.basename(prepared)).toBe('m-without-heart-3.safetensors');
    await claimed.release();
    await other.release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('takes a name over from a run that was killed', async () => {
    const folder = makeTemporaryFolder();
    const output = path.join(folder, 'm-without-heart.safetensors');
    const { pid } = spawnSync(process.execPath, ['--version']);
    const dead = { processId: pid, startMark: '1', host: (await hostOf(output)).host, job: 'dead' };
    writeFileSync(
      path.join(folder, '.m-without-heart.safetensors.being-written'),
      JSON.stringify(dead),
    );
    const claimed = await claimOutput(await jobOf(output));
    expect(claimed.notice).toBeNull();
    await claimed.release();
  });

  it('finds another name where the file is there already, unless a person chose it', async () => {
    const folder = makeTemporaryFolder();
    const output = path.join(folder, 'm-without-heart.safetensors');
    writeFileSync(output, 'of somebody else');
    const claimed = await claimOutput(await jobOf(output));
    expect(claimed.notice).toMatch(/exists already.*"m-without-heart-2\.safetensors" instead/);
    await claimed.release();
    await expect(claimOutput(await jobOf(output, true))).rejects.toMatchObject({
      code: 'output.exists',
      message: expect.stringMatching(/Move it away, then resume/) as string,
    });
    expect(readFileSync(output, 'utf8')).toBe('of somebody else');
    expect(existsSync(path.join(folder, '.m-without-heart.safetensors.being-written'))).toBe(false);
  });

  it('shortens the name of an earlier job that is too long', async () => {
    const folder = makeTemporaryFolder();
    const name = `${'模型'.repeat(36)}-without-heart-oil-on-canvas.safetensors`;
    const job = await jobOf(path.join(folder, name));
    const { notice, release } = await claimOutput(job);
    await release();
    expect(notice).toMatch(/longer than the file system allows.*-without-heart-oil-on-canvas\./);
    const { output } = (await openJobFolder(job.path)).job;
    writeFileSync(`${output}.4194304.part`, '');
    expect(path.basename(output)).toMatch(/^(模型)+模?-without-heart-oil-on-canvas\.safetensors$/);
  });

  it('does not run a job twice', async () => {
    const job = await jobOf(path.join(makeTemporaryFolder(), 'a.safetensors'));
    const { release } = await claimOutput(job);
    await expect(claimOutput(job)).rejects.toMatchObject({ code: 'job.wrong-state' });
    await release();
  });
});

describe('an output that was asked for', () => {
  const prepare = (folder: string, name: string) =>
    prepareOutput(path.join(folder, 'm.safetensors'), {
      concept: 'heart',
      wanted: path.join(folder, name),
    });

  it('is refused while another run is going to write it', async () => {
    const folder = makeTemporaryFolder();
    const claimed = await claimOutput(await jobOf(path.join(folder, 'a.safetensors')));
    await expect(prepare(folder, 'a.safetensors')).rejects.toMatchObject({
      code: 'output.exists',
      message: expect.stringMatching(/is being written by job .*-heart.*Choose another/) as string,
    });
    await claimed.release();
    expect(await prepare(folder, 'a.safetensors')).toBe(path.join(folder, 'a.safetensors'));
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each([
    [`${'x'.repeat(243)}.safetensors`, 'output.unwritable', /too long a name.*15 bytes more/],
    [`${'x'.repeat(229)}.safetensors`, 'output.unwritable', /too long a name/],
    ['NUL.safetensors', 'settings.invalid', /a device on Windows.*--out/],
    ['a.ckpt', 'settings.invalid', /does not end in \.safetensors/],
    ['none/a.safetensors', 'output.unwritable', /does not exist/],
  ])('%j is refused before the work', async (name, code, message) => {
    await expect(prepare(makeTemporaryFolder(), name)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
    });
  });

  it('may end in .sft, and be as long as fits', async () => {
    const folder = makeTemporaryFolder();
    for (const name of ['a.sft', `${'x'.repeat(228)}.safetensors`]) {
      expect(await prepare(folder, name)).toBe(path.join(folder, name));
    }
  });
});

/** What a reservation of this machine says. */
async function hostOf(output: string): Promise<{ host: string }> {
  const reserved = await reserveOutput(output);
  const file = path.join(path.dirname(output), `.${path.basename(output)}.being-written`);
  const holder = JSON.parse(readFileSync(file, 'utf8')) as { host: string };
  if ('release' in reserved) await reserved.release();
  return holder;
}
