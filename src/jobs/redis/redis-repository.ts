import { randomUUID } from 'node:crypto';
import { copyFile, mkdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';

import { newStatus } from '../job-status.ts';
import type { GivenPictures, JobRepository } from '../ports.ts';
import { newJobId } from '../new-job-id.ts';
import type { JobDraft } from '../request/job-draft.ts';
import type { HashMemory } from '../store/hash-file.ts';
import type { Store } from '../store/store.ts';
import { storeInputs } from './inputs.ts';
import type { JobFiles } from './job-files.ts';
import type { JobKeeper } from './job-keeper.ts';
import { keys } from './keys.ts';
import { costOf, laneOf, nameOfModel } from './lanes.ts';
import { mapDraft } from './map-paths.ts';
import { type Places, serverPlaces } from './places.ts';
import { RedisJob } from './redis-job.ts';

interface RepositoryTools {
  readonly keeper: JobKeeper;
  readonly store: Store;
  readonly hashes: HashMemory;
  readonly files: JobFiles;
  readonly folderOf: (id: string) => string;
  /** What tells this server from others; jobs keep whose they are. */
  readonly server: string;
  /** How this process has the paths of a job. */
  readonly placesOf: (id: string) => Promise<Places>;
}

/** Jobs in Redis; their files, and what they need, in the store. */
export class RedisRepository implements JobRepository {
  private readonly tools: RepositoryTools;

  constructor(tools: RepositoryTools) {
    this.tools = tools;
  }

  open(): Promise<void> {
    return Promise.resolve();
  }

  async revisions(): Promise<ReadonlyMap<string, string>> {
    return new Map(Object.entries(await this.tools.keeper.redis.hgetall(keys.jobs)));
  }

  async find(id: string): Promise<RedisJob | null> {
    const [status, ...asked] = await this.tools.keeper.read(id, ['status', 'draft', 'job']);
    // What says of nothing that it is asked for is being made by another, or was when that one died.
    if (status == null || asked.every((json) => json === null)) return null;
    return this.jobOf(id, await this.tools.placesOf(id));
  }

  /** @throws AppError `output.unwritable`, `artifact.*`; nothing is left then but files that others may need */
  async add(draft: JobDraft, given: GivenPictures): Promise<RedisJob> {
    const { keeper, folderOf, files } = this.tools;
    const cost = await costOf(draft);
    const inputs = await storeInputs(draft, this.tools);
    const lane = laneOf({ device: draft.device, ...cost, model: nameOfModel(inputs) });
    const staged = folderOf(`.new-${randomUUID()}`);
    await mkdir(staged, { recursive: true });
    try {
      const names = await moveInto(staged, draft, given);
      const id = await this.claim(draft, {
        status: JSON.stringify(newStatus(new Date().toISOString())),
        inputs: JSON.stringify(inputs),
        server: this.tools.server,
        lane,
      });
      try {
        const folder = folderOf(id);
        await rename(staged, folder);
        const places = serverPlaces(folder);
        const moved = { ...draft, ...named(folder, names, draft) };
        await files.checkIn(id);
        const kept = mapDraft(moved, (file) => places.toKept(file));
        await keeper.write(id, { draft: JSON.stringify(kept) }, 'state');
        return this.jobOf(id, places);
      } catch (error) {
        await this.delete(id);
        throw error;
      }
    } finally {
      await rm(staged, { recursive: true, force: true });
    }
  }

  async delete(id: string): Promise<void> {
    await this.tools.keeper.delete(id);
    await this.tools.files.delete(id);
  }

  private jobOf(id: string, places: Places): RedisJob {
    return new RedisJob(id, this.tools.keeper, places);
  }

  /** The first id that is free, for good. */
  private async claim(
    { concept, createdAt }: JobDraft,
    fields: Record<'status' | 'inputs' | 'server' | 'lane', string>,
  ): Promise<string> {
    for (let number = 1; ; number++) {
      const id = newJobId(concept, createdAt, number);
      if (await this.tools.keeper.create(id, fields)) return id;
    }
  }
}

/** Names of what was moved into a job's folder. */
interface MovedNames {
  readonly forgetImages: string | null;
  readonly retainImages: string | null;
  /** By places in the list of concepts. */
  readonly conceptImages: ReadonlyMap<number, string>;
  readonly embeddings: readonly string[];
}

async function moveInto(
  folder: string,
  draft: JobDraft,
  given: GivenPictures,
): Promise<MovedNames> {
  const move = async (from: string): Promise<string> => {
    await rename(from, path.join(folder, path.basename(from)));
    return path.basename(from);
  };
  const moveAny = (from: string | null) => (from === null ? null : move(from));
  const conceptImages = new Map<number, string>();
  for (const [place, from] of given.conceptImages) conceptImages.set(place, await move(from));
  const names = draft.embeddings.map((file) => `embeddings/${path.basename(file)}`);
  if (names.length > 0) await mkdir(path.join(folder, 'embeddings'));
  for (const [i, file] of draft.embeddings.entries()) {
    await copyFile(file, path.join(folder, names[i] ?? ''));
  }
  return {
    forgetImages: await moveAny(given.forgetImages),
    retainImages: await moveAny(given.retainImages),
    conceptImages,
    embeddings: names,
  };
}

function named(folder: string, names: MovedNames, { concepts }: Pick<JobDraft, 'concepts'>) {
  const within = (name: string | null) => name && path.join(folder, name);
  return {
    concepts: concepts.map((concept, place) => {
      const name = names.conceptImages.get(place);
      return name === undefined ? concept : { ...concept, images: path.join(folder, name) };
    }),
    forgetImages: within(names.forgetImages),
    retainImages: within(names.retainImages),
    embeddings: names.embeddings.map((name) => path.join(folder, name)),
  };
}
