import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';

import type { EraseEvent } from '../../src/erase/events.ts';
import { EventLog } from '../../src/jobs/local/event-log.ts';
import { runJobFolder } from '../../src/jobs/local/run-job.ts';
import { runTraining } from '../../src/jobs/local/training-process.ts';
import { forkTypescript } from '../../src/processes/fork-typescript.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { createJobFolder } from './create-job-folder.ts';
import { exampleJob } from './example-job.ts';

const worker = new URL('./workers/worker.ts', import.meta.url);

const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string;

/** Runs a worker that behaves as it is told. */
function start(behaviour: string | null, folder = makeTemporaryFolder()) {
  if (behaviour !== null) writeFileSync(join(folder, behaviour), '');
  const cancel = new AbortController();
  const kill = new AbortController();
  const events: EraseEvent[] = [];
  let markStarted: () => void = () => undefined;
  const started = new Promise<void>((resolve) => (markStarted = resolve));
  const ended = runTraining(folder, {
    onEvent: (event) => {
      events.push(event);
      markStarted();
    },
    cancel: cancel.signal,
    kill: kill.signal,
    worker,
  });
  return { folder, ended, events, started, cancel, kill };
}

describe('runTraining', () => {
  it('passes every event on before it ends, and leaves no lock', async () => {
    const { folder, ended, events } = start(null);
    await ended;
    expect(events).toHaveLength(202);
    expect(events.at(-1)).toMatchObject({ event: 'done' });
    expect(readdirSync(folder)).toEqual(['events.ndjson']);
    expect(await new EventLog(folder).readEvents()).toEqual(events);
  });

  it.each([
    ['refuse', 'checkpoint.nan', /^a weight is NaN$/],
    ['fail', 'internal.unexpected', /a bug/],
    ['abort', 'device.crashed', /crashed \(SIGABRT\).*--device cpu/s],
    ['segfault', 'device.crashed', /SIGSEGV/],
    [
      'kill',
      'device.out-of-memory',
      /memory ran out.*needs less with --size, --batch or --train xattn/,
    ],
    ['bad-alloc', 'device.out-of-memory', /memory ran out/],
    ['exit', 'internal.unexpected', /status 7/],
  ])('turns a worker that does "%s" into %s', async (behaviour, code, message) => {
    const { folder, ended } = start(behaviour);
    await expect(ended).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
    });
    expect(existsSync(join(folder, 'lock'))).toBe(false);
  });

  it('cancels: the worker saves its state first', async () => {
    const { folder, ended, started, cancel } = start('wait');
    await started;
    cancel.abort();
    await expect(ended).rejects.toMatchObject({ code: 'job.cancelled' });
    expect(existsSync(join(folder, 'state-saved'))).toBe(true);
  });

  it('cancels also before the worker has started', async () => {
    const { folder, ended, cancel } = start('wait');
    cancel.abort();
    await expect(ended).rejects.toMatchObject({ code: 'job.cancelled' });
    expect(existsSync(join(folder, 'state-saved'))).toBe(true);
  });

  it('cancels when whoever listens fails', async () => {
    const folder = makeTemporaryFolder();
    writeFileSync(join(folder, 'wait'), '');
    const never = new AbortController().signal;
    const failure = new Error('a bug');
    const ended = runTraining(folder, {
      onEvent: () => {
        throw failure;
      },
      cancel: never,
      kill: never,
      worker,
    });
    await expect(ended).rejects.toBe(failure);
    expect(existsSync(join(folder, 'state-saved'))).toBe(true);
  });

  it('ends when its events cannot be recorded: no step is saved that nobody knows of', async () => {
    const folder = makeTemporaryFolder();
    mkdirSync(join(folder, 'events.ndjson'));
    const { ended, events } = start('wait', folder);
    await expect(ended).rejects.toThrow(/EISDIR/);
    expect(events).toEqual([]);
    expect(readdirSync(folder).sort()).toEqual(['events.ndjson', 'wait']);
  });

  it('kills a worker that does not listen', async () => {
    const { ended, started, cancel, kill } = start('hang');
    await started;
    cancel.abort();
    kill.abort();
    await expect(ended).rejects.toMatchObject({ code: 'job.cancelled' });
  });

  it('refuses a job that another process runs', async () => {
    const first = start('wait');
    await first.started;
    const second = start(null, first.folder);
    await expect(second.ended).rejects.toMatchObject({ code: 'job.wrong-state' });
    first.cancel.abort();
    await expect(first.ended).rejects.toMatchObject({ code: 'job.cancelled' });
  });
});

describe('a worker', () => {
  it('saves its state when whoever started it is gone', async () => {
    const folder = makeTemporaryFolder();
    writeFileSync(join(folder, 'wait'), '');
    const { process: child } = forkTypescript(worker);
    child.send({ type: 'run', jobFolder: folder });
    await new Promise((resolve) => child.once('message', resolve));
    child.disconnect();
    const status = await new Promise((resolve) => child.once('exit', resolve));
    expect(status).toBe(5);
    expect(existsSync(join(folder, 'state-saved'))).toBe(true);
    expect(await new EventLog(folder).readEvents()).toEqual([
      { event: 'phase', phase: 'train', time },
    ]);
  });

  it('leaves Ctrl-C to whoever started it', async () => {
    const folder = makeTemporaryFolder();
    writeFileSync(join(folder, 'wait'), '');
    const { process: child } = forkTypescript(worker);
    child.send({ type: 'run', jobFolder: folder });
    await new Promise((resolve) => child.once('message', resolve));
    child.kill('SIGINT');
    await setTimeout(200);
    expect(child.exitCode).toBeNull();
    child.kill('SIGKILL');
  });
});

/** A job whose result has a place that can be written to. */
function makeJobFolder() {
  const data = makeTemporaryFolder();
  const output = join(data, 'result.safetensors');
  return createJobFolder(data, 'x', { ...exampleJob, output });
}

describe('runJobFolder', () => {
  it.each([
    ['kill', 'device.out-of-memory'],
    ['abort', 'device.crashed'],
  ])('says how to go on after a worker that did "%s"', async (behaviour, code) => {
    const folder = await makeJobFolder();
    writeFileSync(join(folder.path, behaviour), '');
    const never = new AbortController().signal;
    const resumeCommand = `erase-concept resume ${folder.path}`;
    const control = { onEvent: () => undefined, cancel: never, kill: never, worker, resumeCommand };
    const message = expect.stringMatching(/\. Resume it with: erase-concept resume \S+$/) as string;
    await expect(runJobFolder(folder, control)).rejects.toMatchObject({ code, message });
    expect((await folder.readEvents()).at(-1)).toMatchObject({ event: 'error', code, message });
  });

  it('keeps the events, the error at the end too', async () => {
    const folder = await makeJobFolder();
    writeFileSync(join(folder.path, 'refuse'), '');
    const never = new AbortController().signal;
    const running = runJobFolder(folder, {
      onEvent: () => undefined,
      cancel: never,
      kill: never,
      worker,
    });
    await expect(running).rejects.toMatchObject({ code: 'checkpoint.nan' });
    expect(await folder.readEvents()).toEqual([
      { event: 'phase', phase: 'train', time },
      { event: 'error', code: 'checkpoint.nan', message: 'a weight is NaN', time },
    ]);
  });
});
