import { once } from 'node:events';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { openQueueSweep } from '../../../src/jobs/redis/queue-sweep.ts';
import type { EraseRequest } from '../../../src/jobs/request/draft-job.ts';
import { medianOf } from '../median.ts';
import { openFleet } from './processes.ts';

// npm run bench:workers [-- --rounds 3] [--jobs 3] [--steps 60]
// Two workers beside two bare `erase` runs, by turns, on this machine with a thread each: so many small erasures of
// tiny-sd for each of the two. How much of the bare runs' throughput the workers have.

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    jobs: { type: 'string', default: '3' },
    steps: { type: 'string', default: '60' },
  },
});
const [rounds = 0, jobs = 0, steps = 0] = [values.rounds, values.jobs, values.steps].map(Number);
const model = path.resolve(import.meta.dirname, '../../../presets/tiny-sd/tiny-sd.safetensors');
const settings = { steps, evaluationPictures: 0, sampleEvery: 0 };
const sides = [0, 1];

const fleet = await openFleet();
try {
  const store = path.join(fleet.folder, 'store');
  const workers = sides.map((side) => {
    const name = `worker-${side}`;
    const place = ['--queue', fleet.queue.href, '--store', store, '--data', name];
    const options = ['--device', 'cpu', '--threads', '1', '--name', name];
    return new Promise<void>((resolve) => {
      fleet.start(['worker', ...place, ...options], () => {
        resolve();
      });
    });
  });
  await Promise.all(workers);
  const ratios: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const bare = await timed(() => Promise.all(sides.map((side) => bareRuns(round, side))));
    const queued = await timed(() => queuedJobs(round));
    ratios.push(bare / queued);
    console.log(
      `round ${round + 1}: bare ${bare.toFixed(1)} s, workers ${queued.toFixed(1)} s: ${(bare / queued).toFixed(3)} of the throughput`,
    );
  }
  console.log(
    `median ${medianOf(ratios).toFixed(3)} (${Math.min(...ratios).toFixed(3)} to ${Math.max(...ratios).toFixed(3)})`,
  );
} finally {
  await fleet.close();
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

/** No two prompts are the same: pictures of those would be drawn once. */
function promptOf(what: string, round: number, job: number): string {
  return `a red heart ${what} ${round} ${job}`;
}

async function bareRuns(round: number, side: number): Promise<void> {
  for (let job = 0; job < jobs; job++) {
    const run = fleet.start([
      ...['erase', '--model', model, '--forget', promptOf(`bare ${side}`, round, job)],
      ...['--device', 'cpu', '--threads', '1', '--steps', String(steps)],
      ...['--evaluate', '0', '--sample-every', '0'],
      ...['--data', `bare-${side}`, '--out', `bare-${round}-${side}-${job}.safetensors`],
    ]);
    const [status] = (await once(run, 'exit')) as [number];
    if (status !== 0) throw new Error(`an erasure ended with status ${status}`);
  }
}

async function queuedJobs(round: number): Promise<void> {
  const folder = path.join(fleet.folder, `sweep-${round}`);
  const sweep = await openQueueSweep({
    ...{ folder, dataFolder: folder, queue: fleet.queue },
    ...{ store: path.join(fleet.folder, 'store'), cancel: new AbortController().signal },
  });
  const all = Array.from({ length: sides.length * jobs }, (_, job): EraseRequest => ({
    ...{ model, forget: [promptOf('queued', round, job)], retain: [], settings, device: 'cpu' },
    ...{ preset: undefined, variables: {}, forgetImages: undefined, retainImages: undefined },
    ...{ anchor: undefined, concept: undefined, threads: 1 },
    output: path.join(fleet.folder, `queued-${round}-${job}.safetensors`),
  }));
  await Promise.all(all.map((request) => sweep.work(request, null, () => Promise.resolve())));
  await sweep.close();
}
