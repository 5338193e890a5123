import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';

import { createTestRandom, rounds } from '../helpers/long.ts';
import { runCli } from '../helpers/run-cli.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

const bin = path.resolve('src/bin.mjs');
const model = path.resolve('presets/tiny-sd/tiny-sd.safetensors');
const request = [
  ...['erase', '--model', model, '--device', 'cpu', '--threads', '1', '--steps', '4'],
  ...['--forget', 'a heart', '--retain', 'a star', '--batch', '1', '--save-every', '2'],
  ...['--evaluate', '0'],
  ...['--generated-forget', '1', '--generated-retain', '1', '--generation-steps', '2'],
];

const closings = rounds({ few: 3, many: 30 });
const hasScript = spawnSync('script', ['--version']).status === 0;
if (!hasScript) {
  console.warn(
    'SKIPPED: closed terminals: there is no `script`, which makes them. Install bsdutils (Debian) or util-linux.',
  );
}

it.skipIf(!hasScript)(
  `ends safely when its terminal is closed, ${closings} times, and goes on to the same bytes`,
  async () => {
    const whole = makeTemporaryFolder();
    const { ended, seconds } = inTerminal(whole, [...request, ...placesIn(whole)]);
    expect(await ended).toBe(0);
    const took = seconds();
    const random = createTestRandom('Terminals closed');

    for (let closing = 0; closing < closings; closing++) {
      const folder = makeTemporaryFolder();
      const args = [...request, ...placesIn(folder)];
      const run = inTerminal(folder, args);
      const moment = random() * took;
      await sleep(moment * 1000);
      run.close();
      const status = await run.ended;
      const job = jobIn(folder);
      console.log(`closed after ${moment.toFixed(2)} s: status ${status}, ${stateOf(job)}`);
      // 129: by the signal itself, before any of our code runs; nothing can have begun.
      expect(job === null ? [5, 129] : [0, 5]).toContain(status);
      if (status === 5) {
        const again = job === null ? args : ['resume', job];
        expect(await runCli(again, folder, 170_000)).toMatchObject({ status: 0, stderr: '' });
      }
      if (status === 129) continue;
      expect(readdirSync(folder).sort()).toEqual(readdirSync(whole).sort());
      expect(resultIn(folder).equals(resultIn(whole))).toBe(true);
    }
  },
  1_800_000,
);

const placesIn = (folder: string) => [
  ...['--data', path.join(folder, 'data')],
  ...['--out', path.join(folder, 'result.safetensors')],
];
const resultIn = (folder: string) => readFileSync(path.join(folder, 'result.safetensors'));

/** Runs the program in a terminal of its own, whose shell writes down how it ended. */
function inTerminal(folder: string, args: readonly string[]) {
  const quoted = [process.execPath, bin, ...args].map((word) => `'${word}'`).join(' ');
  // As an interactive shell does: the system tells the shell, which tells what it started.
  const command = `trap 'kill -HUP $!' HUP; ${quoted} & wait $!; wait $!; echo $? > status`;
  const terminal = spawn('script', ['-qc', command, '/dev/null'], {
    cwd: folder,
    env: { ...process.env, SHELL: '/bin/sh' },
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  const started = performance.now();
  const statusFile = path.join(folder, 'status');
  const ended = (async () => {
    await once(terminal, 'exit');
    while (!existsSync(statusFile) || readFileSync(statusFile, 'utf8') === '') await sleep(50);
    return Number(readFileSync(statusFile, 'utf8'));
  })();
  return {
    ended,
    /** As the window's program does it when it dies: the system hangs up. */
    close: () => terminal.kill('SIGKILL'),
    seconds: () => (performance.now() - started) / 1000,
  };
}

function jobIn(folder: string): string | null {
  const jobs = path.join(folder, 'data', 'jobs');
  const [job] = existsSync(jobs) ? readdirSync(jobs) : [];
  return job !== undefined && existsSync(path.join(jobs, job, 'job.yaml'))
    ? path.join(jobs, job)
    : null;
}

/** The last thing that a job told but for its error. */
function stateOf(job: string | null): string {
  const events = job && path.join(job, 'events.ndjson');
  if (!events || !existsSync(events)) return 'nothing had begun';
  const lines = readFileSync(events, 'utf8').trim().split('\n');
  return lines.findLast((line) => !line.includes('"error"'))?.slice(0, 60) ?? 'nothing was told';
}
