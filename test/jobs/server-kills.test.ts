import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';

import type { JobView } from '../../src/contract/job-views.ts';
import { createTestRandom, rounds } from '../helpers/long.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

/** One death of a server is in the suite already: test/browser/interruption.test.ts. */
const kills = rounds({ few: 0, many: Number(process.env.ERASE_CONCEPT_KILLS ?? 100) });
/** Each job is interrupted so often, then it comes to its end. */
const KILLS_A_JOB = 10;
const steps = 40;

interface Server {
  readonly process: ChildProcess;
  readonly ask: <T>(path: string, body?: FormData) => Promise<T>;
}

// Long by nature: `npm run test:long` runs it.
it.skipIf(kills === 0)(
  `a server that is killed with SIGKILL ${kills} times at random moments loses nothing`,
  async () => {
    const random = createTestRandom('random moments of SIGKILL of the server');
    const undisturbed = makeTemporaryFolder();
    const whole = await start(undisturbed);
    await finish(whole, await create(whole));
    await end(whole);
    for (let killed = 0; killed < kills; killed += KILLS_A_JOB) {
      const data = makeTemporaryFolder();
      let server = await start(data);
      const id = await create(server);
      for (let i = 0; i < KILLS_A_JOB; i++) {
        await sleep(4000 * random() ** 2);
        await end(server);
        server = await start(data);
        // A job that is owed is there again, whatever the moment was.
        expect((await server.ask<JobView>(`/jobs/${id}`)).id).toBe(id);
      }
      await finish(server, id);
      await end(server);
      console.log(`${killed + KILLS_A_JOB} kills`);
      expect(resultsIn(data)).toEqual(resultsIn(undisturbed));
      expect(readdirSync(path.join(data, 'uploads'))).toEqual([]);
    }
  },
  3_600_000,
);

/** Starts the server as the leader of a process group, so that what it started dies with it. */
async function start(data: string): Promise<Server> {
  const args = ['serve', '--port', '0', '--threads', '1', '--data', data, '--models', data];
  const child = spawn(process.execPath, [path.resolve('src/bin.mjs'), ...args], {
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let printed = '';
  const link = await new Promise<URL>((resolve, reject) => {
    child.stdout.on('data', (piece: Buffer) => {
      printed += piece.toString();
      const [found] = /http:\S+(?=\n)/.exec(printed) ?? [];
      if (found !== undefined) resolve(new URL(found));
    });
    child.once('exit', () => {
      reject(new Error(`the server ended: ${printed}`));
    });
  });
  const headers = { Authorization: `Bearer ${link.searchParams.get('token') ?? ''}` };
  return {
    process: child,
    ask: async <T>(route: string, body?: FormData) => {
      const method = body ? 'POST' : 'GET';
      const answer = await fetch(new URL(`/api${route}`, link), {
        ...{ headers, method },
        ...(body && { body }),
      });
      const text = await answer.text();
      if (!answer.ok) throw new Error(`${answer.status} ${text}`);
      return JSON.parse(text) as T;
    },
  };
}

async function create({ ask }: Server): Promise<string> {
  const [model] = await ask<{ name: string }[]>('/models');
  const body = new FormData();
  const request = {
    ...{ model: model?.name, forget: ['a red heart'], retain: ['a star'], device: 'cpu' },
    settings: { steps, batch: 2, generatedForget: 2, generatedRetain: 2, drawSteps: 2 },
  };
  const settings = { ...request.settings, saveEvery: 2, sampleEvery: 0, evaluationPictures: 0 };
  body.append('job', JSON.stringify({ ...request, settings }));
  return (await ask<JobView>('/jobs', body)).id;
}

async function finish({ ask }: Server, id: string): Promise<void> {
  for (;;) {
    const { state, error } = await ask<JobView>(`/jobs/${id}`);
    if (state === 'done') return;
    // One that died again and again before its first step is not started again unasked.
    if (state === 'interrupted') await ask(`/jobs/${id}/resume`, new FormData());
    if (['failed', 'cancelled'].includes(state)) {
      throw new Error(`${state}: ${error?.message ?? ''}`);
    }
    await sleep(200);
  }
}

async function end({ process: child }: Server): Promise<void> {
  const ended = once(child, 'exit');
  if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  await ended;
}

/** Results as hashes of their weights; half-written files are among them by their names. */
function resultsIn(data: string): string[] {
  const files = readdirSync(data, { recursive: true, encoding: 'utf8' });
  return files
    .filter((file) => file.includes('.safetensors') && !file.startsWith('cache'))
    .map((file) => weightsHash(path.join(data, file)))
    .sort();
}

/** Of the tensors alone: the metadata name the job. */
function weightsHash(file: string): string {
  const bytes = readFileSync(file);
  const header = Number(bytes.readBigUInt64LE());
  return createHash('sha256')
    .update(bytes.subarray(8 + header))
    .digest('hex');
}
