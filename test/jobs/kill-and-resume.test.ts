import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createTestRandom, rounds } from '../helpers/long.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

const cli = path.resolve('src/bin.mjs');
const model = path.resolve('presets/tiny-sd/tiny-sd.safetensors');
const kills = rounds({ few: 3, many: 100 });
const steps = rounds({ few: 20, many: 30 });

/** Every part of a run that has state: an inner loop, moments, both sets drawn by the model, what was judged. */
const request = [
  ...['erase', '--model', model, '--train', 'full', '--device', 'cpu', '--threads', '1'],
  ...['--forget', 'a heart in the style of Pontilla', 'a star in the style of Pontilla'],
  ...['--retain', 'a star', 'a moon', '--steps', String(steps), '--batch', '2'],
  ...['--budget', 'gap', '--inner-steps', '1', '--until', 'gone'],
  ...['--generated-forget', '6', '--generated-retain', '6', '--generation-steps', '4'],
  ...['--save-every', '2', '--sample-every', String(steps / 2), '--evaluate', '0'],
];

describe('a run that is killed', () => {
  it(`with SIGKILL at ${kills} random moments ends with the same bytes as one that is not`, async () => {
    const random = createTestRandom('random moments of SIGKILL');
    const undisturbed = makeTemporaryFolder();
    const whole = start([...request, ...placesIn(undisturbed)]);
    whole.stdout?.resume();
    const started = performance.now();
    expect(await exitOf(whole)).toBe(0);
    const seconds = (performance.now() - started) / 1000;

    // A run may come to its end before it was killed often enough; then another one begins.
    let killed = 0;
    while (killed < kills) {
      const disturbed = makeTemporaryFolder();
      let starts = 0;
      for (let status: number | null = null; status !== 0; starts++) {
        const job = jobIn(disturbed);
        const run = start(
          job ? ['resume', job, '--data', disturbed] : [...request, ...placesIn(disturbed)],
        );
        const output = lastLineOf(run);
        const exit = exitOf(run);
        if (killed < kills) {
          await Promise.race([exit, sleep((0.2 + random() * 0.35 * seconds) * 1000)]);
          if (killGroup(run)) killed += 1;
        }
        status = await exit;
        expect([0, null], output()).toContain(status);
      }
      console.log(
        `${starts} starts, ${progressIn(disturbed)} steps done where ${steps} are needed`,
      );
      expect(hashOf(path.join(disturbed, 'result.safetensors'))).toBe(
        hashOf(path.join(undisturbed, 'result.safetensors')),
      );
      expect(samplesIn(disturbed)).toEqual(samplesIn(undisturbed));
      // Nothing half written is left behind.
      expect(readdirSync(disturbed).sort()).toEqual(readdirSync(undisturbed).sort());
    }
  }, 1_800_000);
});

function placesIn(folder: string): string[] {
  return ['--data', folder, '--out', path.join(folder, 'result.safetensors')];
}

/** Starts the program as the leader of a process group, so that its worker dies with it. */
function start(args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [cli, ...args, '--json'], {
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}

/** @returns tells the last line that the program has printed so far */
function lastLineOf({ stdout }: ChildProcess): () => string {
  let text = '';
  stdout?.on('data', (piece: Buffer) => (text = `${text}${piece.toString()}`.slice(-1000)));
  return () => text.trim().split('\n').at(-1) ?? '';
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    child.once('exit', (status) => {
      resolve(status);
    });
  });
}

/** @returns whether it was still running */
function killGroup({ pid, exitCode }: ChildProcess): boolean {
  if (pid === undefined || exitCode !== null) return false;
  return process.kill(-pid, 'SIGKILL');
}

function jobIn(folder: string): string | undefined {
  const jobs = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const request = jobs.find((name) => path.basename(name) === 'job.yaml');
  return request && path.basename(path.dirname(request));
}

function progressIn(folder: string): number {
  const job = jobIn(folder);
  if (!job) return 0;
  const events = path.join(folder, 'jobs', job, 'events.ndjson');
  return readFileSync(events, 'utf8').split('"event":"progress"').length - 1;
}

/** The pictures of a job as they were told, each with its bytes' hash. */
function samplesIn(folder: string): [string, string][] {
  const job = path.join(folder, 'jobs', jobIn(folder) ?? '');
  const lines = readFileSync(path.join(job, 'events.ndjson'), 'utf8').split('\n');
  const files = lines
    .filter((line) => line.includes('"event":"sample"'))
    .map((line) => path.basename((JSON.parse(line) as { file: string }).file));
  expect(readdirSync(path.join(job, 'samples')).sort()).toEqual([...files].sort());
  return files.sort().map((file) => [file, hashOf(path.join(job, 'samples', file))]);
}

function hashOf(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}
