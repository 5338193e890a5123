import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { freeDiskBytes } from '../../checkpoint/disk-space.ts';
import type { RecordedEvent } from '../../erase/events.ts';
import { AppError } from '../../errors.ts';
import { openJobFolder, writeJob } from '../local/job-folder.ts';
import type { RunControl, Runner } from '../ports.ts';
import { type JobDraft, writeDraft } from '../request/job-draft.ts';
import { EventMirror } from './event-mirror.ts';
import type { FileCache } from './file-cache.ts';
import { givenIn } from './given-files.ts';
import { isSame, type JobFiles, stampsIn } from './job-files.ts';
import { withinFolder } from './places.ts';
import type { RedisJob } from './redis-job.ts';
import type { WorkedJobs } from './worked-jobs.ts';
import { inputFolder, resultFolders } from './worker-places.ts';

/** How often it is looked whether a run has saved its state. */
const LOOK_MS = 1000;
/** Saved states are stored at most so often, and in at most so much of the time. */
const STORE_EVERY_MS = 2000;
const STORING_SHARE = 0.05;
/** How long a store is waited for that has failed when a run ends. */
const STORE_PATIENCE = { attempts: 40, waitMs: 15_000 };

/** With less, nothing can be put together here to be stored. */
const MIN_FREE_BYTES = 1e6;

/** What working on a job fills. */
const madeFolders = ['state', 'samples', ...resultFolders];

interface RunnerTools {
  readonly local: Runner;
  readonly files: JobFiles;
  readonly cache: FileCache;
  readonly folderOf: (id: string) => string;
  readonly jobs: WorkedJobs;
  /** Told of a state that could not be stored; the next one is tried. */
  readonly onTrouble: (error: unknown) => void;
}

/**
 * Runs jobs of the queue on this machine: in a folder as that of a job which was made here, that is made anew
 * of what Redis and the store have whenever a job is taken up.
 */
export class WorkerRunner implements Runner {
  private readonly tools: RunnerTools;

  constructor(tools: RunnerTools) {
    this.tools = tools;
  }

  async prepare(id: string, signal: AbortSignal): Promise<void> {
    const stored = await this.tools.jobs.find(id);
    const folder = await this.makeFolder(stored, signal);
    await this.tools.local.prepare(id, signal);
    await stored.writeJob((await openJobFolder(folder)).job);
  }

  async run(id: string, control: RunControl): Promise<void> {
    const stored = await this.tools.jobs.find(id);
    const folder = this.tools.folderOf(id);
    const mirror = await this.writeEvents(stored, folder);
    const stopping = new AbortController();
    const kill = AbortSignal.any([control.kill, stopping.signal]);
    const end: RecordedEvent[] = [];
    /** What the mirror was refused with: another worker has the job. */
    const refused: unknown[] = [];
    const send = () => {
      mirror.send().catch((error: unknown) => {
        // Redis is full, say: what it did not take is sent with the next event.
        if (!(error instanceof AppError)) return;
        refused.push(error);
        stopping.abort(error);
      });
    };
    const ended = new AbortController();
    const storing = this.storeStates(id, { mirror, ended: ended.signal });
    try {
      await this.tools.local.run(id, {
        ...{ cancel: control.cancel, kill },
        onEvent: (event) => {
          send();
          if (event.event === 'done') end.push(event);
          else control.onEvent(event);
        },
      });
    } finally {
      ended.abort();
      await storing;
      if (refused.length === 0) await this.finish(id, mirror, control.kill);
    }
    if (refused.length > 0) throw refused[0];
    for (const event of end) control.onEvent(event);
  }

  async report(id: string, signal: AbortSignal): Promise<void> {
    await this.tools.local.report(id, signal);
    await this.tools.files.checkInWhole(id);
  }

  findRunner(): Promise<null> {
    return Promise.resolve(null);
  }

  requireUnfinished(): Promise<void> {
    return Promise.resolve();
  }

  /** What was left here of a run before is nothing to go on from: others may have gone further. */
  private async makeFolder(stored: RedisJob, signal: AbortSignal): Promise<string> {
    const { cache, files, folderOf, jobs } = this.tools;
    const folder = folderOf(stored.id);
    await this.clearFolders(stored.id);
    for (const name of madeFolders) {
      await mkdir(path.join(folder, name), { recursive: true });
    }
    for (const [i, input] of (await jobs.inputsOf(stored.id)).entries()) {
      for (const [name, content] of Object.entries(input.files)) {
        signal.throwIfAborted();
        await cache.place(content, withinFolder(folder, `${inputFolder(i)}/${name}`));
      }
    }
    const draft = await jobs.draftFor(stored);
    try {
      await files.checkOut(stored.id);
    } catch (error) {
      if (!isLost(error) || !draft) throw error;
      await this.beginAnew(stored, draft);
    }
    if (draft) await writeDraft(folder, draft);
    const job = await stored.readJob();
    if (job) await writeJob(folder, stored.id, job);
    return folder;
  }

  /** What was made is no good any more; without it a job comes to the same result. */
  private async beginAnew(stored: RedisJob, draft: JobDraft): Promise<void> {
    const { files, folderOf } = this.tools;
    const folder = folderOf(stored.id);
    for (const name of madeFolders) {
      await rm(path.join(folder, name), { recursive: true, force: true });
      await mkdir(path.join(folder, name), { recursive: true });
    }
    await files.checkOut(stored.id, givenIn(folder, draft));
    await files.checkInWhole(stored.id);
    stored.appendEvent({
      event: 'notice',
      message: 'what was saved of this job is lost or damaged in the store, so it begins anew.',
    });
  }

  /** Removes what was left of a job, and of those that this worker does not work on any more. */
  private async clearFolders(id: string): Promise<void> {
    const folder = path.dirname(this.tools.folderOf(id));
    for (const name of await readdir(folder).catch(() => [])) {
      if (name !== id && this.tools.jobs.isWorkedOn(name)) continue;
      await rm(path.join(folder, name), { recursive: true, force: true });
    }
  }

  /** The history so far, of the runs elsewhere too. */
  private async writeEvents(stored: RedisJob, folder: string): Promise<EventMirror> {
    const events = await stored.readEvents();
    const text = events.map((event) => `${JSON.stringify(event)}\n`).join('');
    const file = path.join(folder, 'events.ndjson');
    await writeFile(file, text);
    return new EventMirror(stored, { file, events, bytes: Buffer.byteLength(text) });
  }

  /** Stores each state that a run saves, until it ends. */
  private async storeStates(
    id: string,
    { mirror, ended }: { mirror: EventMirror; ended: AbortSignal },
  ): Promise<void> {
    const folder = path.join(this.tools.folderOf(id), 'state');
    let before = await stampsIn(folder);
    let wait = LOOK_MS;
    while (await sleep(wait, true, { signal: ended }).catch(() => false)) {
      wait = LOOK_MS;
      try {
        const now = await stampsIn(folder);
        if (isSame(before, now)) continue;
        const started = performance.now();
        // A step whose state is stored is in the history.
        await mirror.send();
        await this.tools.files.checkInWhole(id);
        before = now;
        wait = Math.max(STORE_EVERY_MS, (performance.now() - started) / STORING_SHARE);
      } catch (error) {
        this.tools.onTrouble(error);
      }
    }
  }

  /** What the run has made goes to the store before anyone hears that it has ended. */
  private async finish(id: string, mirror: EventMirror, kill: AbortSignal): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await mirror.send();
        await this.tools.files.checkInWhole(id);
        await mirror.send(() => false);
        return;
      } catch (error) {
        const isOver = error instanceof AppError && error.code.startsWith('job.');
        // With a disk that is full another machine gets further; the store's own may be made room on.
        const isFull = (await freeDiskBytes(this.tools.folderOf(id))) < MIN_FREE_BYTES;
        if (isOver || isFull || kill.aborted || attempt === STORE_PATIENCE.attempts) throw error;
        this.tools.onTrouble(error);
        await sleep(STORE_PATIENCE.waitMs, undefined, { signal: kill }).catch(() => undefined);
      }
    }
  }
}

/** Of a file in the store. */
function isLost(error: unknown): boolean {
  return error instanceof AppError && ['artifact.damaged', 'artifact.missing'].includes(error.code);
}
