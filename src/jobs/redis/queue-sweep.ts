import { setTimeout as sleep } from 'node:timers/promises';
import { Mutex } from 'async-mutex';

import { AppError, isErrorCode } from '../../errors.ts';
import { presetFolders } from '../../presets/load-presets.ts';
import { progressOf } from '../job-progress.ts';
import { isUnderWay } from '../job-status.ts';
import { type JobBackend, nothingGiven, type StoredJob } from '../ports.ts';
import { draftJob, type EraseRequest } from '../request/draft-job.ts';
import type { SweepPlace } from '../sweep/run-sweep.ts';
import { StatusKeeper } from '../status-keeper.ts';
import { openServerBackend, type SharedPlace } from './server-backend.ts';

/** More than workers take at a time, so that none waits for this process. */
const QUEUED_AT_ONCE = 200;
/** How often it is looked how a job is, where nothing tells. */
const LOOK_MS = 5000;

interface QueueSweepOptions extends Omit<SharedPlace, 'dataFolder'> {
  /** The sweep's own, in which its jobs are looked at. */
  readonly folder: string;
  /** Where presets and judges are. */
  readonly dataFolder: string;
  /** Aborted to cancel all jobs of the sweep. */
  readonly cancel: AbortSignal;
}

/**
 * The jobs of a sweep on the workers of a queue, all in the queue at once.
 *
 * @throws AppError as `openServerBackend`
 */
export async function openQueueSweep(
  options: QueueSweepOptions,
): Promise<SweepPlace & { close(): Promise<void> }> {
  const { folder, queue, store } = options;
  const backend = await openServerBackend({ dataFolder: folder, queue, store });
  const news = new Map<string, AbortController>();
  backend.sharing?.follow({
    changed: (id) => news.get(id)?.abort(),
    grew: () => undefined,
  });
  // One draft after the other: each reads a model's header.
  const drafting = new Mutex();
  return {
    concurrency: QUEUED_AT_ONCE,
    look: async (id) => {
      const stored = await backend.repository.find(id);
      if (!stored) return null;
      const [job, status] = [await stored.readJob(), await stored.readStatus()];
      return {
        ...{ id, isDone: status.state === 'done', output: job?.output ?? null },
        progress: progressOf(await stored.readEvents()),
        find: (name) => backend.artifacts.find(id, name),
      };
    },
    work: async (request, known, onMade) => {
      let stored = known === null ? null : await backend.repository.find(known);
      if (!stored) {
        stored = await drafting.runExclusive(async () => {
          options.cancel.throwIfAborted();
          requireWords(request);
          const place = { ...options, presetFolders: presetFolders(options.dataFolder) };
          const draft = await draftJob(request, place);
          return backend.repository.add(draft, nothingGiven);
        });
        await onMade(stored.id);
      } else if (!isUnderWay((await stored.readStatus()).state)) {
        await resume(stored);
      }
      // One that is under way too: a sweep that was killed may not have come to that.
      await backend.queue.add(stored.id);
      await follow(stored, { backend, news, cancel: options.cancel });
      await backend.sharing?.fetchResults(stored.id);
    },
    fetch: async (id) => {
      await backend.sharing?.fetchResults(id);
    },
    close: async () => {
      await backend.queue.close(AbortSignal.abort(), null);
      await backend.close();
    },
  };
}

/** Pictures lie on this machine, and what a job brings along are those of a page. */
function requireWords({ concepts = [] }: EraseRequest): void {
  const pictured = concepts.find(({ images }) => images !== undefined);
  if (!pictured) return;
  throw new AppError(
    'sweep.invalid',
    `"${pictured.name}" has pictures, which workers on other machines are not given. Leave them out, or have this machine do the sweep.`,
  );
}

async function resume(stored: StoredJob): Promise<void> {
  const status = new StatusKeeper(stored, await stored.readStatus());
  await status.advance('resume', {
    queuedAt: new Date().toISOString(),
    interruption: null,
    recoveries: { count: 0, step: 0 },
  });
}

interface Following {
  readonly backend: JobBackend;
  /** Aborted when something happened to a job. */
  readonly news: Map<string, AbortController>;
  readonly cancel: AbortSignal;
}

/** Waits for the end of a job. @throws AppError what it ended with */
async function follow(stored: StoredJob, { backend, news, cancel }: Following): Promise<void> {
  const { id } = stored;
  let isCancelled = false;
  for (;;) {
    const heard = new AbortController();
    news.set(id, heard);
    const status = await stored.readStatus();
    if (!isUnderWay(status.state)) break;
    if (cancel.aborted && !isCancelled) {
      isCancelled = true;
      if (await backend.queue.remove(id)) {
        await new StatusKeeper(stored, status).advance('cancel', { queuedAt: null });
        break;
      }
      await backend.queue.cancel(id, cancel.reason);
    }
    const signal = AbortSignal.any([heard.signal, ...(isCancelled ? [] : [cancel])]);
    const isSilent = await sleep(LOOK_MS, true, { signal }).catch(() => false);
    // One that had just left the queue when it was put there again has lost its place.
    if (isSilent && !isCancelled && status.state === 'queued') await backend.queue.add(id);
  }
  news.delete(id);
  const error = await errorOf(stored);
  if (error) throw error;
}

/** What a job ended with; null of one that is done. */
async function errorOf(stored: StoredJob): Promise<AppError | null> {
  const { state, interruption } = await stored.readStatus();
  if (state === 'done') return null;
  const cancelled = new AppError('job.cancelled', `job ${stored.id} was ${state}.`);
  // What it told before it was taken up again is past.
  if (state === 'cancelled') return cancelled;
  const { outcome } = progressOf(await stored.readEvents());
  const told = outcome?.kind === 'error' ? outcome.event : interruption;
  if (told && isErrorCode(told.code)) return new AppError(told.code, told.message);
  return cancelled;
}
