import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Queue, Worker } from 'bullmq';
import type { Redis } from 'ioredis';

import type { RecordedEvent } from '../../../src/erase/events.ts';
import { connectRedis } from '../../../src/jobs/redis/connect.ts';
import { JobKeeper } from '../../../src/jobs/redis/job-keeper.ts';
import { readLanes } from '../../../src/jobs/redis/lane-states.ts';
import { bullPrefix, keys } from '../../../src/jobs/redis/keys.ts';
import { tellOfWorker } from '../../../src/jobs/redis/worker-list.ts';
import { hashContent } from '../../../src/jobs/store/hash-file.ts';
import { newStatus } from '../../../src/jobs/job-status.ts';
import { appVersion } from '../../../src/version.ts';
import type { Measured } from './measured.ts';

// npx tsx test/bench/scale/measure.ts [--rounds 2000] [--out test/bench/scale/measured.json]
// What the queue's operations cost: the processor time that a redis-server of its own takes for each, with the
// program's own code and an append-only file, so that what else the machine does makes little difference. Also
// what a job holds in it, and how fast files are hashed here. `npm run simulate` reads it.

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '2000' },
    port: { type: 'string', default: '16379' },
    out: { type: 'string', default: path.join(import.meta.dirname, 'measured.json') },
  },
});
const rounds = Number(values.rounds);

/** As many as `npm run simulate` has. */
const MODELS = 40;
/** How often a worker that waits looks whether locks of a queue have run out. */
const CHECK_SECONDS = 3;

/** As a step of a run tells of itself. */
const progress = (step: number): RecordedEvent => ({
  ...{ event: 'progress', step, steps: 100, retainLoss: 0.123456789, forgetLoss: 0.123456789 },
  ...{ gap: 0.0123456789, lambda: 0.123456789, retainGradientNorm: 1.23456789 },
  ...{ forgetGradientNorm: 1.23456789, retainCosine: 0.123456789, forgetCosine: 0.123456789 },
  ...{ secondsPerStep: 10.512345678, etaSeconds: 1051.2345678, memoryBytes: 5_012_345_678 },
  time: '2026-11-30T12:00:00.000Z',
});

const folder = mkdtempSync(path.join(tmpdir(), 'erase-concept-scale-'));
const server = spawn(
  'redis-server',
  ['--port', values.port, '--dir', folder, '--save', '', '--appendonly', 'yes'],
  { stdio: 'ignore' },
);
try {
  const redis = await reach(new URL(`redis://127.0.0.1:${values.port}`));
  const measured: Measured = {
    date: new Date().toISOString().slice(0, 10),
    machine: cpus()[0]?.model ?? '',
    redis: /redis_version:(\S+)/.exec(await redis.info('server'))?.[1] ?? '',
    ...(await measureQueue(redis)),
    hashSecondsPerGigabyte: await measureHash(),
  };
  redis.disconnect();
  writeFileSync(values.out, `${JSON.stringify(measured, null, 2)}\n`);
  console.log(measured);
} finally {
  server.kill('SIGKILL');
  await once(server, 'exit');
  rmSync(folder, { recursive: true, force: true });
}

async function reach(url: URL): Promise<Redis> {
  for (;;) {
    const redis = await connectRedis(url).catch(() => null);
    if (redis) return redis;
    await sleep(50);
  }
}

async function measureQueue(
  redis: Redis,
): Promise<Pick<Measured, 'microseconds' | 'jobBytes' | 'eventBytes'>> {
  const lane = `${appVersion}_cpu_stable-diffusion_6`;
  const options = { connection: redis, prefix: bullPrefix };
  const queue = new Queue(lane, options);
  const worker = new Worker(lane, undefined, { ...options, autorun: false });
  const keeper = new JobKeeper(redis, { isFenced: true });
  const server = new JobKeeper(redis, { isFenced: false });
  const ids = Array.from({ length: rounds }, (_, i) => `job-${i}`);
  // Each other model has a queue, too, with a job that is worked on.
  for (let i = 0; i < MODELS; i++) {
    await redis.sadd(keys.lanes, `${lane}-${i}`);
    await redis.rpush(`${bullPrefix}:${lane}-${i}:active`, 'a-job');
  }
  const view = { name: 'one', version: appVersion, device: 'cpu' as const };
  const since = new Date().toISOString();
  const cost = (work: (i: number) => Promise<unknown>) => costOf(redis, work);

  const read = await cost(() => readLanes(redis));
  const check = await cost(() => worker.getBackend().moveStalledJobsToWait());
  // What one that waits does each second: all queues are looked after.
  const look = read + (MODELS * check) / CHECK_SECONDS;
  const tell = await cost(() => tellOfWorker(redis, { ...view, since, jobs: [] }));
  const status = JSON.stringify(newStatus(since));
  const add = await cost(async (i) => {
    const fields = { status, inputs: '[]', server: 'here', lane, draft: 'x'.repeat(4000) };
    await server.create(ids[i] ?? '', fields);
    const kept = { jobId: ids[i] ?? '', removeOnComplete: true, removeOnFail: true };
    await queue.add('erase', {}, kept);
    await redis.sadd(keys.lanes, lane);
    await redis.publish(keys.orders, 'add');
  });
  const waiting = await cost(() => redis.lrange(`${bullPrefix}:${lane}:wait`, 0, -1));
  const listing = await cost(() => redis.hgetall(keys.jobs));
  const taken = new Map<number, Awaited<ReturnType<typeof worker.getNextJob>>>();
  const take = await cost(async (i) => {
    await readLanes(redis);
    const job = await worker.getNextJob('token', { block: false });
    taken.set(i, job);
    await keeper.take(ids[i] ?? '', { lane, token: 'token', owner: { worker: 'one', since } });
  });
  const beat = await cost(async (i) => {
    await keeper.cancellation(ids[i] ?? '');
    await taken.get(i)?.extendLock('token', 60_000);
  });
  const step = await cost((i) => keeper.append(ids[0] ?? '', i, [progress(i)]));
  const follow = await cost(async (i) => {
    await server.countEvents(ids[0] ?? '');
    await server.events(ids[0] ?? '', rounds - 1);
    await server.read(ids[i] ?? '', ['status']);
  });
  const finish = await cost(async (i) => {
    await keeper.write(ids[i] ?? '', { status, files: 'x'.repeat(3000) }, 'state');
    await taken.get(i)?.moveToCompleted(null, 'token', false);
  });
  const bytes = async (key: string) => Number(await redis.memory('USAGE', key, 'SAMPLES', 0));
  const found = {
    microseconds: {
      ...{ look, tell, add, take, beat, step, follow, finish },
      // Of whoever reads all of them, for each.
      ...{ lookPerJob: waiting / rounds, listPerJob: listing / rounds },
    },
    jobBytes: (await bytes(keys.job('job-1'))) + (await bytes(keys.jobs)) / rounds,
    eventBytes: (await bytes(keys.events('job-0'))) / rounds,
  };
  await worker.close(true);
  await queue.close();
  return found;
}

/** Processor time of the server for one of many, in microseconds. */
async function costOf(redis: Redis, work: (i: number) => Promise<unknown>): Promise<number> {
  const before = await processorSeconds(redis);
  // One by one: of many workers each sends its own, and what is sent together costs less.
  for (let i = 0; i < rounds; i++) await work(i);
  return ((await processorSeconds(redis)) - before) * (1e6 / rounds);
}

async function processorSeconds(redis: Redis): Promise<number> {
  const info = await redis.info('cpu');
  const of = (name: string) => Number(new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1]);
  return of('used_cpu_user_main_thread') + of('used_cpu_sys_main_thread');
}

/** Processor time of a transfer is that of its hash. */
async function measureHash(): Promise<number> {
  const file = path.join(folder, 'file');
  const bytes = 256e6;
  writeFileSync(file, Buffer.alloc(bytes, 'erase'));
  const before = process.cpuUsage();
  await hashContent(file);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6 / (bytes / 1e9);
}
