import { Mutex } from 'async-mutex';
import type { z } from 'zod';

import { jobRequestSchema } from '../../contract/requests.ts';
import type { SweepServices, Uploads } from '../../contract/services.ts';
import type { SweepSummary, SweepView, sweepRequestSchema } from '../../contract/sweep-view.ts';
import { AppError, asAppError, type ErrorCode } from '../../errors.ts';
import type { JobRecord } from '../job-record.ts';
import type { JobService } from '../job-service.ts';
import { isAllowed, isUnderWay } from '../job-status.ts';
import type { Artifacts } from '../ports.ts';
import type { Combination } from './read-sweep.ts';
import { combinationsOf, ServerSweep } from './server-sweep.ts';
import { rowsOf, type SweepRow } from './summarize-sweep.ts';
import { sweepCsv } from './sweep-csv.ts';
import {
  addSweepFolder,
  listSweepFolders,
  removeSweepFolder,
  sweepsFolderOf,
  writeOwed,
  writeSweepText,
} from './sweep-folder.ts';
import { writeJobs } from './sweep-jobs.ts';
import { type KnownJobs, resultsOf, stateOf, summarizeSweep, viewSweep } from './view-sweep.ts';

/**
 * Jobs of a sweep that wait at a time, so that others get their turn and the queue does not fill; workers of
 * many machines take more at once.
 */
const MAX_AHEAD = { own: 10, shared: 200 } as const;

/** What does not hold for long: the erasure is asked for again. */
const passing: readonly ErrorCode[] = [
  'request.too-many',
  'host.unreachable',
  'queue.unavailable',
  'artifact.unreachable',
];
const RETRY_MS = 5000;

const noUploads: Uploads = { forgetImages: [], retainImages: [], conceptImages: new Map() };

interface SweepTools {
  readonly dataFolder: string;
  readonly jobs: JobService;
  readonly artifacts: Artifacts;
  /** Whether workers elsewhere do the jobs. */
  readonly isShared: boolean;
  /** Told of what fails where nobody waits for it. */
  readonly onTrouble: (error: unknown) => void;
}

/**
 * Sweeps whose erasures are jobs as any other. What is known of an erasure is told by its job; kept are the
 * text, whose jobs are whose, and what is still to be asked for, with which the next server goes on.
 */
export class SweepService implements SweepServices {
  private readonly tools: SweepTools;
  private readonly sweeps = new Map<string, ServerSweep>();
  /** One change after the other; drafts of jobs too, each of which reads a model's header. */
  private readonly changing = new Mutex();
  private opened: Promise<void> = Promise.resolve();
  private stopListening: () => void = () => undefined;
  private isFeeding = false;
  /** Whether something happened meanwhile. */
  private isMore = false;
  private isClosed = false;
  private retry: NodeJS.Timeout | null = null;

  constructor(tools: SweepTools) {
    this.tools = tools;
  }

  /** Reads the sweeps there are and goes on with what was to be done; whoever asks waits for it. */
  open(): Promise<void> {
    this.opened = this.readAll();
    return this.opened;
  }

  /** Makes no job any more; the next server goes on. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.stopListening();
    if (this.retry) clearTimeout(this.retry);
    await this.opened.catch(() => undefined);
    await this.changing.waitForUnlock();
  }

  async list(): Promise<SweepSummary[]> {
    const known = await this.known();
    return [...this.sweeps.values()]
      .sort((a, b) => a.name.localeCompare(b.name, 'en'))
      .map((sweep) => summarizeSweep(sweep, known));
  }

  async view(name: string): Promise<SweepView> {
    const known = await this.known();
    return viewSweep(this.find(name), known, this.tools.artifacts);
  }

  async create({ name, yaml }: z.output<typeof sweepRequestSchema>): Promise<SweepView> {
    await this.opened;
    await this.requireMakeable(yaml, name);
    await this.changing.runExclusive(async () => {
      const sweep = new ServerSweep(this.tools.dataFolder, name);
      await addSweepFolder(sweep.folder, yaml);
      await sweep.read();
      this.sweeps.set(name, sweep);
      await this.owe(sweep);
    });
    return this.goOn(name);
  }

  async replace(name: string, yaml: string): Promise<SweepView> {
    await this.opened;
    this.find(name);
    await this.requireMakeable(yaml, name);
    await this.changing.runExclusive(async () => {
      const sweep = this.find(name);
      const before = new Set(Object.values(sweep.jobs));
      await writeSweepText(sweep.folder, yaml);
      await this.readSound(sweep);
      await this.owe(sweep);
      for (const { key } of sweep.combinations) before.delete(sweep.jobs[key] ?? '');
      // What is no longer wanted is not waited for.
      await this.cancelJobs(before);
    });
    return this.goOn(name);
  }

  async start(name: string): Promise<SweepView> {
    await this.opened;
    await this.changing.runExclusive(async () => {
      const sweep = this.find(name);
      if (sweep.fault) await this.readSound(sweep);
      await this.owe(sweep);
    });
    return this.goOn(name);
  }

  async cancel(name: string): Promise<SweepView> {
    await this.opened;
    // At once, so that no other job is made.
    this.find(name).owed.clear();
    await this.changing.runExclusive(async () => {
      const { folder, jobs, owed } = this.find(name);
      await writeOwed(folder, owed);
      await this.cancelJobs(new Set(Object.values(jobs)));
    });
    return this.view(name);
  }

  async delete(name: string): Promise<void> {
    await this.opened;
    await this.changing.runExclusive(async () => {
      const { folder } = this.find(name);
      await removeSweepFolder(folder);
      this.sweeps.delete(name);
    });
  }

  async page(name: string): Promise<string> {
    // Loaded here, not at the start: it brings the image library.
    const { sweepPage } = await import('./sweep-page.ts');
    const address = (id: string) => `../../jobs/${encodeURIComponent(id)}/report`;
    return sweepPage(name, await this.rows(name), address);
  }

  async csv(name: string): Promise<string> {
    return sweepCsv(await this.rows(name));
  }

  private async rows(name: string): Promise<SweepRow[]> {
    const known = await this.known();
    const sweep = this.find(name);
    if (sweep.fault) throw sweep.fault;
    return rowsOf(resultsOf(sweep, known, this.tools.artifacts));
  }

  private async readAll(): Promise<void> {
    const { dataFolder, jobs } = this.tools;
    for (const name of await listSweepFolders(sweepsFolderOf(dataFolder))) {
      const sweep = new ServerSweep(dataFolder, name);
      await sweep.read();
      this.sweeps.set(name, sweep);
    }
    // A job that leaves the queue makes room for another.
    this.stopListening = jobs.listen({
      changed: () => {
        this.feed();
      },
      moved: () => undefined,
      grew: () => undefined,
    });
    this.feed();
  }

  /** @throws AppError `sweep.not-found` */
  private find(name: string): ServerSweep {
    const sweep = this.sweeps.get(name);
    if (sweep) return sweep;
    throw new AppError(
      'sweep.not-found',
      `there is no sweep ${JSON.stringify(name.slice(0, 100))}. It may have been deleted.`,
    );
  }

  /** All jobs as they are now. */
  private async known(): Promise<KnownJobs> {
    await this.opened;
    return new Map((await this.tools.jobs.all()).map((record) => [record.id, record]));
  }

  /** @throws AppError `sweep.invalid`, `concepts.invalid`; `model.not-found` for one that is not listed */
  private async requireMakeable(yaml: string, name: string): Promise<void> {
    const models = new Set(combinationsOf(yaml, name).map(({ model }) => model));
    for (const model of models) await this.tools.jobs.findModel(model);
  }

  /** Reads a sweep anew. @throws AppError what is wrong with it */
  private async readSound(sweep: ServerSweep): Promise<void> {
    await sweep.read();
    if (sweep.fault) throw sweep.fault;
  }

  /** From now on all that is neither done nor under way is to be done. */
  private async owe(sweep: ServerSweep): Promise<void> {
    const known = await this.known();
    sweep.errors.clear();
    sweep.owed.clear();
    const keys = sweep.combinations
      .filter((combination) => {
        const state = stateOf(sweep, combination, known);
        return state === 'open' || isAllowed(state, 'resume');
      })
      .map(({ key }) => key);
    sweep.owed = new Set(keys);
    await writeOwed(sweep.folder, keys);
  }

  private async goOn(name: string): Promise<SweepView> {
    this.feed();
    return this.view(name);
  }

  /** Makes jobs as far as there is room for them, and again where something happened meanwhile. */
  private feed(): void {
    if (this.isClosed) return;
    if (this.isFeeding) {
      this.isMore = true;
      return;
    }
    this.isFeeding = true;
    this.feedAll()
      .catch(this.tools.onTrouble)
      .finally(() => {
        this.isFeeding = false;
        if (!this.isMore) return;
        this.isMore = false;
        this.feed();
      });
  }

  private async feedAll(): Promise<void> {
    for (const sweep of [...this.sweeps.values()]) {
      while (await this.changing.runExclusive(() => this.makeNext(sweep)));
    }
  }

  /** @returns whether another one may follow at once */
  private async makeNext(sweep: ServerSweep): Promise<boolean> {
    const [key] = sweep.owed;
    if (key === undefined || this.isClosed || this.sweeps.get(sweep.name) !== sweep) return false;
    if (await this.isAhead(sweep)) return false;
    const combination = sweep.combinations.find((one) => one.key === key);
    try {
      if (combination) await this.make(sweep, combination);
    } catch (cause) {
      const error = asAppError(cause);
      sweep.errors.set(key, error);
      if (passing.includes(error.code)) {
        this.retry ??= setTimeout(() => {
          this.retry = null;
          this.feed();
        }, RETRY_MS);
        return false;
      }
    }
    sweep.owed.delete(key);
    await writeOwed(sweep.folder, sweep.owed);
    return true;
  }

  /** Makes the job of an erasure, or has it go on. */
  private async make(sweep: ServerSweep, combination: Combination): Promise<void> {
    const { jobs } = this.tools;
    const { key } = combination;
    const known = await this.findJob(sweep.jobs[key]);
    if (known && isAllowed(known.state, 'resume')) {
      await jobs.resume(known.id);
      sweep.waiting.add(known.id);
    }
    if (known) {
      sweep.errors.delete(key);
      return;
    }
    const { id } = await jobs.create(requestOf(combination), noUploads);
    sweep.errors.delete(key);
    sweep.waiting.add(id);
    sweep.jobs[key] = id;
    await writeJobs(sweep.folder, sweep.jobs);
  }

  /** Whether as many of its jobs wait as may. */
  private async isAhead({ waiting }: ServerSweep): Promise<boolean> {
    for (const id of waiting) {
      if ((await this.findJob(id))?.state !== 'queued') waiting.delete(id);
    }
    return waiting.size >= MAX_AHEAD[this.tools.isShared ? 'shared' : 'own'];
  }

  /** A job as it is known here; null where there is none. */
  private async findJob(id = ''): Promise<JobRecord | null> {
    if (id === '') return null;
    return this.tools.jobs.find(id).catch((error: unknown) => {
      if (asAppError(error).code !== 'job.not-found') throw error;
      return null;
    });
  }

  /** Cancels those of these jobs that are under way, what waits first, so that none takes another's place. */
  private async cancelJobs(ids: ReadonlySet<string>): Promise<void> {
    const known = await this.known();
    const records = [...ids].flatMap((id) => known.get(id) ?? []);
    const waits = ({ state }: { state: string }) => (state === 'queued' ? 0 : 1);
    for (const { id, state } of records.sort((a, b) => waits(a) - waits(b))) {
      if (!isUnderWay(state)) continue;
      await this.tools.jobs.cancel(id).catch((error: unknown) => {
        // It has ended meanwhile, or is gone.
        const { code } = asAppError(error);
        if (code !== 'job.wrong-state' && code !== 'job.not-found') throw error;
      });
    }
  }
}

/** An erasure as a client would ask for it. */
function requestOf({ model, subject, retain, settings }: Combination) {
  const request = jobRequestSchema.parse({ model });
  const asked = { ...request, retain: [...retain], settings };
  if (subject.kind === 'preset') {
    return { ...asked, preset: subject.name, variables: { ...subject.variables } };
  }
  const { name, forget, neighbours, anchor } = subject.concept;
  const concept = { name, forget: [...forget], neighbours: [...neighbours], anchor };
  return { ...asked, concepts: [{ ...concept, captions: {}, pictureSizes: [] }] };
}
