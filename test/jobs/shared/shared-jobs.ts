import { type ChildProcess, spawn, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

import type { JobView } from '../../../src/contract/job-views.ts';
import type { RecordedEvent } from '../../../src/erase/events.ts';
import { keys } from '../../../src/jobs/redis/keys.ts';
import { connectRedis } from '../../../src/jobs/redis/connect.ts';
import { openServerBackend } from '../../../src/jobs/redis/server-backend.ts';
import { type RunningWorker, startWorker } from '../../../src/jobs/redis/start-worker.ts';
import type { QueueTimes } from '../../../src/jobs/redis/working-queue.ts';
import type { RedisServer } from '../../helpers/redis-server.ts';
import { quickWorker, startTestSidecar, type TestSidecar } from '../../helpers/sidecar.ts';
import { makeTemporaryFolder } from '../../helpers/temporary-folder.ts';
import type { WorkerOrder } from './worker-process.ts';

/** Some of the usual times, so that a test need not wait for them. */
export const quickTimes: QueueTimes = {
  // Of a busy machine processes may stand still for a second or two.
  ...{ lockMs: 4000, stalledMs: 500, beatMs: 200, idleMs: 100 },
  pauseMs: 3000,
};

/** The one that trains. */
export const realTraining = new URL('../../../src/jobs/local/training-worker.ts', import.meta.url);

/** What the machines of a test share. */
export interface Fleet {
  readonly queue: URL;
  readonly store: string;
  readonly folder: string;
  readonly troubles: unknown[];
}

export function makeFleet(redis: RedisServer, store?: string): Fleet {
  const folder = makeTemporaryFolder();
  return { queue: redis.url, store: store ?? path.join(folder, 'store'), folder, troubles: [] };
}

/** A sidecar of the fleet in this process. */
export async function startServer(fleet: Fleet, name = 'server'): Promise<TestSidecar> {
  const data = path.join(fleet.folder, name);
  const { queue, store } = fleet;
  const backend = await openServerBackend({ dataFolder: data, queue, store });
  return startTestSidecar({ data, backend });
}

interface FleetWorkerOptions {
  readonly times?: QueueTimes;
  /** Default: one that takes a moment for each step. */
  readonly trainingWorker?: URL;
  /** What stands before the command of a machine whose data lies on a small disk: `smallDisk`. */
  readonly disk?: readonly string[];
}

function optionsOf(fleet: Fleet, name: string, { times = quickTimes }: FleetWorkerOptions) {
  return {
    ...({ name, store: fleet.store, times, device: 'cpu', concurrency: 1 } as const),
    dataFolder: path.join(fleet.folder, 'workers'),
    ...{ threads: null, memoryBytes: null },
    cacheBytes: 1e9,
  };
}

/** A worker of the fleet in this process, whose trainings are processes of their own. */
export async function startFleetWorker(
  fleet: Fleet,
  name = 'worker',
  options: FleetWorkerOptions = {},
): Promise<RunningWorker> {
  const worker = await startWorker({
    ...optionsOf(fleet, name, options),
    queue: fleet.queue,
    onTrouble: (error) => void fleet.troubles.push(error),
    onJobs: () => undefined,
    trainingWorker: options.trainingWorker ?? quickWorker,
  });
  let closing: Promise<void> | null = null;
  const close: RunningWorker['close'] = (hurry) => (closing ??= worker.close(hurry));
  onTestFinished(() => close(AbortSignal.abort()));
  return { close };
}

/** A machine with a worker: what is done to it is done to its trainings too. */
export interface Machine {
  readonly process: ChildProcess;
  /** Whether it takes jobs. */
  readonly isReady: () => boolean;
  /** Ids of what it works on. */
  readonly jobs: () => readonly string[];
  readonly troubles: readonly string[];
  /** All its processes die at once. */
  readonly kill: () => Promise<void>;
}

interface MachineMessage {
  readonly isReady?: boolean;
  readonly jobs?: readonly string[];
  readonly trouble?: string;
}

export function startMachine(
  fleet: Fleet,
  name: string,
  options: FleetWorkerOptions = {},
): Machine {
  const module = new URL('./worker-process.ts', import.meta.url);
  const run = new URL('../../../src/processes/run-module.mjs', import.meta.url);
  const data = path.join(fleet.folder, `data-${name}`);
  mkdirSync(data);
  const wrapper = options.disk ? [...options.disk, data] : [];
  const command = [...wrapper, process.execPath, fileURLToPath(run), module.href];
  const stdio: StdioOptions = ['ignore', 'ignore', 'ignore', 'ipc'];
  const child = spawn(command[0]!, command.slice(1), { detached: true, stdio, ...serialization });
  const order: WorkerOrder = {
    ...optionsOf(fleet, name, options),
    dataFolder: data,
    queue: fleet.queue.href,
    trainingWorker: (options.trainingWorker ?? quickWorker).href,
  };
  child.send(order);
  let jobs: readonly string[] = [];
  const troubles: string[] = [];
  let isReady = false;
  child.on('message', (message: MachineMessage) => {
    isReady ||= message.isReady ?? false;
    if (message.jobs) ({ jobs } = message as { jobs: readonly string[] });
    if (message.trouble !== undefined) troubles.push(message.trouble);
  });
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    process.kill(-child.pid!, 'SIGKILL');
    await ended;
  };
  onTestFinished(kill);
  return { process: child, isReady: () => isReady, jobs: () => jobs, troubles, kill };
}

const serialization = { serialization: 'advanced' } as const;

/** Waits until something is so. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await sleep(20);
}

/** A job that is done and whose model is there. */
export async function resultOf(sidecar: TestSidecar, id: string): Promise<JobView> {
  for (;;) {
    const job = await sidecar.reaches(id, 'done');
    if (job.result) return job;
    await sleep(50);
  }
}

export async function stateOf(sidecar: TestSidecar, id: string): Promise<JobView['state']> {
  return ((await sidecar.api('get', `/jobs/${id}`)).body as JobView).state;
}

/** What happened to a job, as Redis has it. */
export async function eventsOf(fleet: Fleet, id: string): Promise<RecordedEvent[]> {
  const redis = await connectRedis(fleet.queue);
  try {
    const entries = await redis.xrange(keys.events(id), '-', '+');
    return entries.map(([, [, json]]) => JSON.parse(json!) as RecordedEvent);
  } finally {
    redis.disconnect();
  }
}

/** Steps in the order in which they were told. */
export const stepsIn = (events: readonly RecordedEvent[]) =>
  events.flatMap((event) => (event.event === 'progress' ? [event.step] : []));
