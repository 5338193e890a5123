import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';

import {
  eventsOf,
  makeFleet,
  startFleetWorker,
  stepsIn,
  until,
} from '../jobs/shared/shared-jobs.ts';
import { hasRedis, startRedis } from '../helpers/redis-server.ts';
import { callCli, type CliResult, parseEvents, startCli } from '../helpers/run-cli.ts';
import { quickWorker } from '../helpers/sidecar.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

const model = path.resolve('presets/tiny-sd/tiny-sd.safetensors');

function sweepFile(folder: string, concepts: readonly string[], settings: readonly string[]) {
  const entries = concepts.map((name) => `  - { name: ${name}, forget: a ${name} }\n`);
  const text = `models: ${model}\nretain: [a star, a dog]\nconcepts:\n${entries.join('')}`;
  const file = path.join(folder, 'mine.yaml');
  writeFileSync(file, `${text}settings:\n${settings.map((one) => `  - ${one}\n`).join('')}`);
  return file;
}

const modelsIn = (folder: string) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.safetensors'))
    .sort();

const stepsOf = (events: readonly Record<string, unknown>[]) =>
  events.filter(({ event }) => event === 'progress').map(({ step }) => step);

it('Ctrl-C ends a sweep with status 5 once its job is saved; the same command goes on', async () => {
  const folder = makeTemporaryFolder();
  const steps = 16;
  sweepFile(
    folder,
    ['heart'],
    [
      `{ steps: ${steps}, train: xattn, batch: 1, generatedRetain: 2, generatedForget: 2, drawSteps: 2, evaluationPictures: 0 }`,
      '{ method: uce, evaluationPictures: 0 }',
    ],
  );
  const args = ['sweep', 'mine.yaml', '--device', 'cpu', '--threads', '1', '--json'];
  const out = path.join(folder, 'data/sweeps/mine');
  const run = startCli(args, { folder });
  await run.printed('"event":"progress"');
  // As a terminal does: to every process of the group.
  process.kill(-run.process.pid!, 'SIGINT');
  const first = await run.ended;
  expectCancelled(first, out);
  const done = stepsOf(parseEvents(first.stdout)).length;
  expect(done).toBeLessThan(steps);
  const jobs = jobsOf(out);
  expect(jobs).toHaveLength(1);

  const { status, stdout } = await callCli(args, folder);
  const events = parseEvents(stdout);
  expect(events.at(-1)).toMatchObject({ event: 'sweep', all: 2, done: 2, failed: 0 });
  expect(status).toBe(0);
  expect(stepsOf(events)).toEqual(fromTo(done + 1, steps));
  expect(jobsOf(out)).toEqual([...jobs, expect.any(String)]);
  expect(modelsIn(path.join(out, 'models'))).toHaveLength(2);
}, 400_000);

it('sweep does what is not done yet, whatever fails, and sums all of it up', async () => {
  const folder = makeTemporaryFolder();
  const run = async (...args: string[]) => {
    const { status, stdout } = await callCli(
      ['sweep', 'mine.yaml', '--device', 'cpu', '--threads', '1', '--json', ...args],
      folder,
      quickWorker,
    );
    const told = parseEvents(stdout).filter(({ event }) => event === 'sweep');
    return { status, ...(told[0] as { done?: number; failed?: number; page?: string }) };
  };
  // No model of SD draws pictures that are 68 pixels wide.
  sweepFile(folder, ['heart'], ['{ steps: 2 }', '{ width: 68 }']);
  expect(await run()).toMatchObject({ status: 3, done: 1, failed: 1 });
  const jobs = () => readdirSync(path.join(folder, 'data/jobs')).sort();
  const before = jobs();
  expect(before).toHaveLength(1);
  sweepFile(folder, ['heart', 'moon'], ['{ steps: 2 }']);
  const { page, ...rest } = await run();
  expect(rest).toMatchObject({ status: 0, done: 2, failed: 0 });
  expect(jobs()).toHaveLength(2);
  expect(jobs()).toEqual(expect.arrayContaining(before));
  expect(readFileSync(page!, 'utf8')).toContain('2 of 2 erasures are done');
  const out = path.dirname(page!);
  expect(out).toBe(path.join(folder, 'data/sweeps/mine'));
  expect(modelsIn(path.join(out, 'models'))).toEqual([
    'tiny-sd-without-heart.safetensors',
    'tiny-sd-without-moon.safetensors',
  ]);
  expect(readFileSync(path.join(out, 'summary.csv'), 'utf8').split('\r\n')).toHaveLength(4);
});

it('a sweep of the page is left to it', async () => {
  const folder = makeTemporaryFolder();
  sweepFile(folder, ['heart'], ['{ steps: 2 }']);
  mkdirSync(path.join(folder, 'data/sweeps/mine'), { recursive: true });
  writeFileSync(path.join(folder, 'data/sweeps/mine/sweep.yaml'), 'models: x');
  const { status, stdout } = await callCli(['sweep', 'mine.yaml', '--json'], folder);
  expect(parseEvents(stdout).at(-1)).toMatchObject({ event: 'error', code: 'sweep.exists' });
  expect(status).toBe(3);
  expect(readdirSync(path.join(folder, 'data/sweeps/mine'))).toEqual(['sweep.yaml']);
});

it.runIf(hasRedis)(
  'sweep --queue has workers do it, and takes up what it has left there',
  async () => {
    const fleet = makeFleet(await startRedis());
    const folder = path.join(fleet.folder, 'mine');
    mkdirSync(folder);
    const shared = ['--queue', fleet.queue.href, '--store', fleet.store, '--out', 'out'];
    const args = ['sweep', 'mine.yaml', '--device', 'cpu', ...shared, '--json'];
    sweepFile(folder, ['heart', '"abort moon"'], ['{ steps: 4 }']);
    await startFleetWorker(fleet, 'one');
    const first = await callCli(args, folder);
    expect(parseEvents(first.stdout)[0]).toMatchObject({ event: 'sweep', done: 1, failed: 1 });
    expect(first.status).toBe(3);
    sweepFile(folder, ['heart', 'ring'], ['{ steps: 4 }']);
    await startFleetWorker(fleet, 'two');
    const { status, stdout } = await callCli(args, folder);
    expect(parseEvents(stdout)[0]).toMatchObject({ event: 'sweep', all: 2, done: 2, failed: 0 });
    expect(status).toBe(0);
    expect(modelsIn(path.join(folder, 'out/models'))).toEqual([
      'tiny-sd-without-heart.safetensors',
      'tiny-sd-without-ring.safetensors',
    ]);
    expect(readFileSync(path.join(folder, 'out/summary.html'), 'utf8')).toContain(
      '2 of 2 erasures',
    );
  },
);

const fromTo = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, i) => first + i);
const jobsOf = (out: string) =>
  Object.values(
    JSON.parse(readFileSync(path.join(out, 'jobs.json'), 'utf8')) as object,
  ) as string[];

/** What a sweep of two that was cancelled before any was done says and leaves. */
function expectCancelled({ status, stdout, stderr }: CliResult, out: string): void {
  expect(stderr).toBe(
    '\nCancelling, once the state is saved. Press Ctrl-C again to end at once.\n',
  );
  expect(status).toBe(5);
  const [summary, error] = parseEvents(stdout).slice(-2);
  expect(summary).toMatchObject({ event: 'sweep', all: 2, done: 0, failed: 0 });
  expect(error).toMatchObject({
    ...{ event: 'error', code: 'job.cancelled' },
    message: 'cancelled: 2 of 2 erasures are not done. The same command goes on with them.',
  });
  expect(readFileSync(path.join(out, 'summary.html'), 'utf8')).toContain('0 of 2 erasures');
  const lines = readFileSync(path.join(out, 'summary.csv'), 'utf8').split('\r\n');
  expect(lines.filter((line) => line.includes(',open,'))).toHaveLength(2);
  expect(modelsIn(path.join(out, 'models'))).toEqual([]);
}

it.runIf(hasRedis)(
  'Ctrl-C cancels a sweep on its workers too; the same command goes on with it there',
  async () => {
    const fleet = makeFleet(await startRedis());
    const folder = path.join(fleet.folder, 'mine');
    mkdirSync(folder);
    const out = path.join(folder, 'out');
    const shared = ['--queue', fleet.queue.href, '--store', fleet.store, '--out', 'out'];
    const args = ['sweep', 'mine.yaml', '--device', 'cpu', ...shared, '--json'];
    const steps = 20;
    sweepFile(folder, ['"slowly heart"', '"slowly moon"'], [`{ steps: ${steps} }`]);
    await startFleetWorker(fleet);
    const run = startCli(args, { folder });
    const stepsDone = async () =>
      Promise.all(jobsOf(out).map(async (id) => stepsIn(await eventsOf(fleet, id)).length));
    await until(
      async () =>
        existsSync(path.join(out, 'jobs.json')) &&
        jobsOf(out).length === 2 &&
        (await stepsDone()).some((count) => count > 0),
    );
    process.kill(-run.process.pid!, 'SIGINT');
    expectCancelled(await run.ended, out);
    const jobs = jobsOf(out);
    expect((await stepsDone()).filter((count) => count > 0)).toHaveLength(1);

    const { status, stdout } = await callCli(args, folder);
    expect(parseEvents(stdout)).toMatchObject([{ event: 'sweep', all: 2, done: 2, failed: 0 }]);
    expect(status).toBe(0);
    expect(jobsOf(out)).toEqual(jobs);
    // Each step was done once: the one under way had saved its state.
    for (const id of jobs) expect(stepsIn(await eventsOf(fleet, id))).toEqual(fromTo(1, steps));
    expect(modelsIn(path.join(out, 'models'))).toHaveLength(2);
    expect(fleet.troubles).toEqual([]);
  },
);
