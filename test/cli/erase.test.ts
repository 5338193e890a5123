import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';

import { hashCheckpoint } from '../../src/families/checkpoint-hash.ts';
import { openSafetensors } from '../../src/checkpoint/safetensors-reader.ts';
import { callCli, parseEvents, type RunningCli, runCli, startCli } from '../helpers/run-cli.ts';
import { copyTinySd, png, writeFolder } from './bad-input-files.ts';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'erase-concept-runs-'));
  copyTinySd(folder);
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

const erase = (steps: number) => [
  ...['erase', '--model', 'tiny-sd.safetensors', '--device', 'cpu'],
  ...['--threads', '1', '--train', 'xattn', '--batch', '1', '--evaluate', '0'],
  ...['--steps', String(steps), '--retain', 'a star', '--generated-retain', '2'],
  ...['--generated-forget', '2', '--generation-steps', '2'],
];
const eraseHeart = (steps: number, name: string) => [
  ...erase(steps),
  ...['--forget', 'a heart', 'a red heart', '--concept', name],
];

/** The folder of the only job of that concept. */
function jobOf(concept: string): string {
  const jobs = path.join(folder, 'data/jobs');
  const [id, ...more] = readdirSync(jobs).filter((name) => name.endsWith(`-${concept}`));
  expect(more).toEqual([]);
  return path.join(jobs, id!);
}

const readJson = (file: string) => JSON.parse(readFileSync(file, 'utf8')) as unknown;
const stateOf = (concept: string) =>
  (readJson(path.join(jobOf(concept), 'status.json')) as { state: string }).state;
const resultOf = (concept: string) => path.join(folder, `tiny-sd-without-${concept}.safetensors`);

/** The outer steps that a run reported, in their order. */
const stepsOf = (events: readonly Record<string, unknown>[]) =>
  events.filter(({ event }) => event === 'progress').map(({ step }) => step);
const phasesOf = (events: readonly Record<string, unknown>[]) =>
  events.filter(({ event }) => event === 'phase').map(({ phase }) => phase);
const fromTo = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, i) => first + i);

const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string;

it('--json prints the events of the job and nothing else', async () => {
  const { status, stdout, stderr } = await runCli([...eraseHeart(2, 'json'), '--json'], folder);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const events = parseEvents(stdout);
  const job = jobOf('json');
  expect(readFileSync(path.join(job, 'events.ndjson'), 'utf8')).toBe(stdout);

  const id = path.basename(job);
  const output = resultOf('json');
  const forget = [
    { prompt: 'a heart', anchor: 'a star' },
    { prompt: 'a red heart', anchor: 'a red star' },
  ];
  // How it is drawn, and that nothing of it was guessed.
  const drawing = expect.objectContaining({ drawSampler: 'DPM++ 2M', clipSkip: 1 }) as object;
  const told = { job: id, folder: job, output, forget, drawing, drawingSources: {}, time };
  expect(events[0]).toEqual({ event: 'job', ...told });
  expect(phasesOf(events)).toEqual(['encode', 'generate', 'train', 'save']);
  expect(stepsOf(events)).toEqual([1, 2]);
  for (const progress of events.filter(({ event }) => event === 'progress')) {
    expect(progress).toMatchObject({ steps: 2, lambda: 1, gap: null });
    const { retainLoss, forgetLoss, secondsPerStep, etaSeconds } = progress;
    for (const number of [retainLoss, forgetLoss, secondsPerStep, etaSeconds]) {
      expect(number).toBeGreaterThanOrEqual(0);
    }
  }
  const seconds = expect.any(Number) as number;
  expect(events.at(-1)).toEqual({ event: 'done', output, job: id, seconds, time });
  expect(existsSync(output)).toBe(true);

  const again = await callCli(['resume', id, '--json'], folder);
  expect(again.status).toBe(3);
  expect(parseEvents(again.stdout)).toMatchObject([{ event: 'error', code: 'job.wrong-state' }]);
});

it('--sample-every and --evaluate show what a run does, and the report keeps it', async () => {
  const args = [
    ...erase(2),
    '--forget',
    'a red heart',
    '--concept',
    'shown',
    '--sample-every',
    '1',
  ];
  const { status, stdout, stderr } = await callCli(
    [...args, '--evaluate', '--measure', 'prompts', '--json'],
    folder,
  );
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const events = parseEvents(stdout);
  expect(phasesOf(events)).toEqual(['encode', 'generate', 'train', 'save', 'evaluate']);
  const samples = events.filter(({ event }) => event === 'sample');
  const job = jobOf('shown');
  const names = samples.map(({ which, step, role, seed, file, prompt }) => {
    expect(prompt).toMatch(/^a red heart$|^a star$/);
    const name = path.basename(String(file));
    expect(file).toBe(path.join(job, 'samples', name));
    expect(name).toMatch(
      new RegExp(`^${String(which)}-${String(step)}-${String(role)}-\\d-${String(seed)}\\.png$`),
    );
    return name;
  });
  // Three moments of a preview, two of the evaluation, of one prompt to forget and one to keep.
  expect(new Set(names).size).toBe(5 * 2);
  expect(readdirSync(path.join(job, 'samples')).sort()).toEqual([...names].sort());
  expect(events.at(-2)).toMatchObject({
    event: 'evaluation',
    evaluation: { forget: { pictures: 1 }, retain: { pictures: 1 } },
  });

  const report = readFileSync(path.join(job, 'report.html'), 'utf8');
  expect(report.match(/<img src="data:image\/webp;base64,/g)).toHaveLength(2 * 2 + 2 * 3);
  expect(report).toContain(await hashCheckpoint(resultOf('shown')));
  expect(report).toContain(await hashCheckpoint(path.join(folder, 'tiny-sd.safetensors')));
  expect(readdirSync(job).sort()).toEqual([
    'events.ndjson',
    'job.yaml',
    'report.html',
    'request.yaml',
    'samples',
    'status.json',
  ]);
  expect(stateOf('shown')).toBe('done');
}, 300_000);

it('prints plain lines where standard output is no terminal, reads captions, and warns once', async () => {
  writeFolder(path.join(folder, 'hearts'), {
    '1.png': png(8, 8),
    '1.txt': 'a heart on a beach\n',
    '2.png': png(8, 8),
    '2.txt': 'a red heart <lora:shine:0.8>',
  });
  const args = [...erase(1), '--forget-images', 'hearts', '--concept', 'plain heart'];
  const { status, stdout, stderr } = await runCli(args, folder);
  expect(stderr).toMatch(/^Warning: "<lora:shine:0\.8>": left out of the text.*\n$/);
  expect(status).toBe(0);
  const job = jobOf('plain-heart');
  const events = parseEvents(readFileSync(path.join(job, 'events.ndjson'), 'utf8'));
  expect(events.slice(0, 3).map(({ event }) => event)).toEqual(['job', 'warning', 'notice']);
  expect(readFileSync(path.join(job, 'report.html'), 'utf8')).toContain('shine:0.8&gt;');
  // Neither carriage return nor escape sequence nor a block of a bar.
  expect(stdout).toMatch(/^[^\x00-\x09\x0b-\x1f\x7f█░]*$/);
  expect(stdout).toMatch(/Training\nstep 1\/1 {2}retain loss .* left\n.*\nDone in /s);
  const { forget } = parse(readFileSync(path.join(job, 'job.yaml'), 'utf8')) as {
    forget: { prompt: string }[];
  };
  expect(forget.map(({ prompt }) => prompt)).toEqual([
    'a heart on a beach',
    'a red heart <lora:shine:0.8>',
  ]);
});

const steps = 16;
/** A run of so many steps shares the machine with other tests. */
const limitMs = 170_000;

/** Waits for the first step of a run. */
async function startTraining(args: readonly string[]): Promise<RunningCli> {
  const run = startCli(args, { folder, limitMs });
  await run.printed('"event":"progress"');
  return run;
}

/** Goes on with a job as the last message told. */
async function goOn(message: string, concept: string) {
  const [, job] = /erase-concept resume (\S+)$/.exec(message) ?? [];
  expect(job).toBe(jobOf(concept));
  const { status, stdout, stderr } = await callCli(['resume', job!, '--json'], folder);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(existsSync(resultOf(concept))).toBe(true);
  const events = parseEvents(stdout);
  expect(events.at(-1)?.event).toBe('done');
  return events;
}

it('Ctrl-C ends with status 5 once the state is saved; resume goes on from there', async () => {
  const run = await startTraining([...eraseHeart(steps, 'cancelled'), '--json']);
  // As a terminal does: to every process of the group.
  process.kill(-run.process.pid!, 'SIGINT');
  const { status, stdout, stderr } = await run.ended;
  expect(status).toBe(5);
  expect(stderr).toBe(
    '\nCancelling, once the state is saved. Press Ctrl-C again to end at once.\n',
  );
  const events = parseEvents(stdout);
  const done = stepsOf(events).length;
  expect(done).toBeLessThan(steps);
  const job = jobOf('cancelled');
  const error = events.at(-1);
  expect(error).toEqual({
    event: 'error',
    code: 'job.cancelled',
    message: `job ${path.basename(job)} was cancelled; its state is saved. Go on with: erase-concept resume ${job}`,
    time,
  });
  expect(readFileSync(path.join(job, 'events.ndjson'), 'utf8')).toBe(stdout);
  const state = await openSafetensors(path.join(job, 'state/state.safetensors'));
  await state.close();
  expect(JSON.parse(state.metadata.get('progress')!)).toMatchObject({ step: done });
  expect(existsSync(resultOf('cancelled'))).toBe(false);
  expect(stateOf('cancelled')).toBe('cancelled');

  const resumed = await goOn(String(error?.message), 'cancelled');
  expect(phasesOf(resumed)).toEqual(['train', 'save']);
  expect(stepsOf(resumed)).toEqual(fromTo(done + 1, steps));
}, 400_000);

it('a training process that is killed ends with status 4 and a sentence; resume goes on', async () => {
  const run = await startTraining([...eraseHeart(steps, 'killed'), '--json', '--save-every', '1']);
  const { processId } = readJson(path.join(jobOf('killed'), 'lock')) as { processId: number };
  expect(processId).not.toBe(run.process.pid);
  process.kill(processId, 'SIGKILL');
  const { status, stdout, stderr } = await run.ended;
  expect({ status, stderr }).toEqual({ status: 4, stderr: '' });
  const events = parseEvents(stdout);
  const error = events.at(-1);
  expect(error).toMatchObject({ event: 'error', code: 'device.out-of-memory' });
  expect(error?.message).toMatch(
    /^the training process was ended \(SIGKILL\), most likely because/,
  );
  expect(readdirSync(jobOf('killed'))).not.toContain('lock');
  expect(stateOf('killed')).toBe('failed');

  const resumed = await goOn(String(error?.message), 'killed');
  expect(stepsOf(resumed).at(-1)).toBe(steps);
  expect(phasesOf(resumed)).toEqual(['train', 'save']);
}, 400_000);
