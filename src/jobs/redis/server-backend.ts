import { hostname } from 'node:os';
import path from 'node:path';

import { BOARD_PLACE, type JobListener } from '../../contract/services.ts';
import type { JobBackend, Runner, Sharing } from '../ports.ts';
import { appVersion } from '../../version.ts';
import { HashMemory } from '../store/hash-file.ts';
import { openStore } from '../store/open-store.ts';
import { connectRedis } from './connect.ts';
import { fetchResults } from './fetch-results.ts';
import { givenIn } from './given-files.ts';
import { readInputs } from './inputs.ts';
import { JobFiles } from './job-files.ts';
import { JobKeeper } from './job-keeper.ts';
import { keys } from './keys.ts';
import { serverPlaces } from './places.ts';
import { queueBoard } from './queue-board.ts';
import { RedisQueue } from './redis-queue.ts';
import { RedisRepository } from './redis-repository.ts';
import { restoreFiles } from './restore-files.ts';
import { listWorkers } from './worker-list.ts';

/** Where the jobs of several machines are. */
export interface SharedPlace {
  readonly dataFolder: string;
  /** Of Redis. */
  readonly queue: URL;
  /** Of files: a folder, or `s3://BUCKET/PREFIX`. */
  readonly store: string;
}

/**
 * Jobs in Redis and files in a store, for a server that others may be beside: it makes jobs and looks at
 * them, and workers do them.
 *
 * @throws AppError `queue.unavailable`, `artifact.unreachable`
 */
export async function openServerBackend(place: SharedPlace): Promise<JobBackend> {
  const { dataFolder } = place;
  const store = await openStore(place.store);
  const redis = await connectRedis(place.queue);
  await redis.set(keys.version, appVersion);
  const listening = redis.duplicate();
  listening.on('error', () => undefined);
  const keeper = new JobKeeper(redis, { isFenced: false });
  const folderOf = (id: string) => path.join(path.resolve(dataFolder), 'shared', 'jobs', id);
  const hashes = new HashMemory();
  const files = new JobFiles({ keeper, store, hashes, folderOf });
  const server = `${hostname()}:${path.resolve(dataFolder)}`;
  const placesOf = (id: string) => Promise.resolve(serverPlaces(folderOf(id)));
  const repository = new RedisRepository({
    ...{ keeper, store, hashes, files, folderOf, placesOf, server },
  });
  const queue = new RedisQueue(keeper);
  const sharing: Sharing = {
    follow: (listener) => {
      void listening.subscribe(keys.changes);
      listening.on('message', (_: string, message: string) => {
        tell(listener, message);
      });
    },
    fetchResults: async (id) => {
      const job = await repository.find(id);
      return job !== null && fetchResults(job, { keeper, files, server });
    },
    restore: async (id, isDamaged) => {
      const job = await repository.find(id);
      const draft = await job?.readDraft();
      if (!draft) return;
      const folder = folderOf(id);
      const isGiven = givenIn(folder, draft);
      const stored = Object.entries(await files.stored(id)).filter(([name]) => isGiven(name));
      const needed = {
        ...{ id, inputs: await readInputs(keeper, id) },
        given: Object.fromEntries(stored),
      };
      await restoreFiles(needed, { store, hashes, folder, isDamaged });
    },
    isQueued: (id) => queue.has(id),
    workers: () => listWorkers(redis),
    board: queueBoard(BOARD_PLACE, () => queue.queues()),
    agreeOnToken: async (own) => {
      await redis.setnx(keys.token, own);
      return (await redis.get(keys.token)) ?? own;
    },
  };
  return {
    repository,
    artifacts: files,
    queue,
    runner: elsewhere,
    sharing,
    close: () => {
      listening.disconnect();
      redis.disconnect();
      return Promise.resolve();
    },
  };
}

function tell(listener: Omit<JobListener, 'moved'>, message: string): void {
  const [change, id = ''] = message.split(' ');
  if (change === 'state') listener.changed(id);
  else listener.grew(id);
}

const notHere = () => Promise.reject(new Error('jobs of a shared queue are run by its workers'));

/** Workers prepare and run; whether one does so, the queue knows. */
const elsewhere: Runner = {
  prepare: notHere,
  run: notHere,
  report: notHere,
  findRunner: () => Promise.resolve('elsewhere'),
  requireUnfinished: () => Promise.resolve(),
};
