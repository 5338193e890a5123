import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Redis } from 'ioredis';

import type { WorkerView } from '../../contract/worker-view.ts';
import { AppError } from '../../errors.ts';
import type { Device } from '../../runtime/device.ts';
import { appVersion } from '../../version.ts';
import { JobSteps } from '../job-steps.ts';
import { jobsFolderOf } from '../local/job-folder.ts';
import { acquireJobLock } from '../local/job-lock.ts';
import { ProcessRunner } from '../local/process-runner.ts';
import { HashMemory } from '../store/hash-file.ts';
import { openStore } from '../store/open-store.ts';
import { connectRedis } from './connect.ts';
import { FileCache } from './file-cache.ts';
import { JobFiles } from './job-files.ts';
import { JobKeeper } from './job-keeper.ts';
import { keys } from './keys.ts';
import { canWork } from './lanes.ts';
import type { SharedPlace } from './server-backend.ts';
import { WorkedJobs } from './worked-jobs.ts';
import { forgetWorker, TELL_MS, tellOfWorker } from './worker-list.ts';
import { WorkerRunner } from './worker-runner.ts';
import { type QueueTimes, WorkingQueue } from './working-queue.ts';

/** How a worker is started. */
export interface WorkerOptions extends SharedPlace {
  /** What the others call it; one of its own. */
  readonly name: string;
  readonly device: Device;
  /** What jobs may need of it, see `lanes.ts`; null: it is not known. */
  readonly memoryBytes: number | null;
  /** Jobs at a time. */
  readonly concurrency: number;
  /** For training on the CPU; null: as each job says. */
  readonly threads: number | null;
  /** Models and other inputs that are kept for later jobs. */
  readonly cacheBytes: number;
  readonly onTrouble: (error: unknown) => void;
  /** Told whenever it works on other jobs. */
  readonly onJobs: (ids: readonly string[]) => void;
  /** The module of the training process, if not the one that trains. */
  readonly trainingWorker?: URL;
  readonly times?: Partial<QueueTimes>;
}

/** A worker that waits for jobs and does them. */
export interface RunningWorker {
  /** Ends it: its jobs wait for others, their state saved. @param hurry aborted to end at once */
  readonly close: (hurry: AbortSignal) => Promise<void>;
}

/**
 * Starts to work on the jobs of a queue.
 *
 * @throws AppError `queue.unavailable`, `artifact.unreachable`, `data.in-use`
 */
export async function startWorker(options: WorkerOptions): Promise<RunningWorker> {
  const { name, device, onTrouble } = options;
  const root = path.join(path.resolve(options.dataFolder), 'workers', name);
  const lock = await lockFolder(root, name);
  const store = await openStore(options.store);
  const redis = await connectRedis(options.queue);
  await requireVersion(redis);
  const listening = redis.duplicate();
  listening.on('error', () => undefined);
  const keeper = new JobKeeper(redis, { isFenced: true });
  const folderOf = (id: string) => path.join(jobsFolderOf(root), id);
  const files = new JobFiles({ keeper, store, hashes: new HashMemory(), folderOf });
  const cacheFolder = path.join(path.resolve(options.dataFolder), 'cache', 'inputs');
  const cache = new FileCache({ folder: cacheFolder, store, maxBytes: options.cacheBytes });
  const { trainingWorker, threads } = options;
  const local = new ProcessRunner({
    dataFolder: root,
    ...(trainingWorker && { trainingWorker }),
  });
  const jobs = new WorkedJobs({ name, keeper, folderOf, device, threads });
  const runner = new WorkerRunner({ local, files, cache, folderOf, jobs, onTrouble });
  const steps = new JobSteps({
    backend: { artifacts: files, runner },
    find: (id) => jobs.record(id),
    defaultDevice: () => Promise.resolve(device),
    // Whoever follows the job hears of what is written.
    onChange: () => undefined,
    // A worker has no web UI.
    drawPictures: () => Promise.resolve(),
    compare: () => Promise.resolve(0),
    borrowMemory: () => Promise.resolve(() => Promise.resolve()),
    leaves: (record, failure) => jobs.leaves(record, failure),
    onResult: () => undefined,
    onTrouble,
  });
  const view: WorkerView = {
    ...{ name, version: appVersion, device, jobs: [] },
    since: new Date().toISOString(),
  };
  const working = new Map<string, string>();
  const tell = () =>
    tellOfWorker(redis, {
      ...view,
      jobs: [...working].map(([id, since]) => ({ id, since })),
    }).catch(onTrouble);
  const queue = new WorkingQueue({
    ...{ keeper, name, concurrency: options.concurrency },
    knownModels: async () => {
      const names = await cache.names();
      return (model) => names.some((name) => name.startsWith(model));
    },
    accepts: (lane) => canWork(lane, { device, memoryBytes: options.memoryBytes }),
    onJobs: (ids) => {
      for (const id of working.keys()) if (!ids.includes(id)) working.delete(id);
      for (const id of ids) if (!working.has(id)) working.set(id, new Date().toISOString());
      options.onJobs(ids);
      void tell();
    },
    ...(options.times && { times: options.times }),
  });
  await listening.subscribe(keys.orders);
  listening.on('message', (_: string, order: string) => {
    queue.hear(order);
  });
  await tell();
  const telling = setInterval(() => void tell(), TELL_MS);
  queue.start(jobs.workedBy(steps));
  return {
    close: async (hurry) => {
      steps.close();
      await queue.close(hurry, new AppError('job.cancelled', 'the worker was ended.'));
      clearInterval(telling);
      await forgetWorker(redis, name).catch(onTrouble);
      listening.disconnect();
      redis.disconnect();
      await lock.release();
    },
  };
}

/** Jobs of another version could not be gone on with. */
async function requireVersion(redis: Redis): Promise<void> {
  const version = await redis.get(keys.version);
  if (version === null || version === appVersion) return;
  redis.disconnect();
  throw new AppError(
    'queue.unavailable',
    `the servers of this queue are of version ${version}, and this worker is of ${appVersion}. Install the same version here.`,
  );
}

async function lockFolder(root: string, name: string) {
  await mkdir(root, { recursive: true });
  try {
    return await acquireJobLock(root, process.pid);
  } catch (cause) {
    if (!(cause instanceof AppError)) throw cause;
    throw new AppError(
      'data.in-use',
      `another worker called "${name}" runs with this data folder. Give this one another name with --name.`,
      { cause },
    );
  }
}
