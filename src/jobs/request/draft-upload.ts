import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { z } from 'zod';

import type { jobRequestSchema } from '../../contract/requests.ts';
import type { AnnouncedConcept } from '../../erase/read-concepts.ts';
import { AppError } from '../../errors.ts';
import { describeModel } from '../../hosts/describe-model.ts';
import type { Host, HostModel } from '../../hosts/host.ts';
import { hostDrawing } from '../../hosts/host-drawing.ts';
import { trainingOf } from '../../methods/registry.ts';
import { presetFolders } from '../../presets/load-presets.ts';
import { askProcess } from '../../processes/ask-process.ts';
import type { UploadedFile, Uploads } from '../../contract/services.ts';
import { companionFiles } from '../companion-files.ts';
import { chooseCompanions } from './choose-companions.ts';
import type { DraftQuestion } from './draft-worker.ts';
import type { JobRepository, StoredJob } from '../ports.ts';
import type { JobDraft } from './job-draft.ts';
import { draftJob, type EraseRequest } from './draft-job.ts';
import {
  errorWithClientNames,
  stageImages,
  withClientNames,
  type StagedImages,
} from './stage-images.ts';

const draftWorker = new URL('./draft-worker.ts', import.meta.url);

/** Hundreds of pictures, beside a training. */
const DRAFT_TIMEOUT_MS = 10 * 60 * 1000;

type Request = z.output<typeof jobRequestSchema>;

/** Where uploads lie until they are a job's. */
export const uploadsFolderOf = (dataFolder: string) => path.join(dataFolder, 'uploads');

/** What a request to the server does not say. */
interface DraftPlace {
  readonly model: HostModel;
  readonly host: Host;
  readonly dataFolder: string;
  /** For training on the CPU. */
  readonly threads: number;
  readonly repository: JobRepository;
}

/**
 * Makes a job of a request to the server, with everything checked that can be told at once.
 *
 * @throws AppError for whatever is wrong with the request; nothing is left of it then
 */
export async function draftUpload(
  request: Request,
  uploads: Uploads,
  place: DraftPlace,
): Promise<StoredJob> {
  const { dataFolder, repository } = place;
  const staging = path.join(uploadsFolderOf(dataFolder), randomUUID());
  try {
    const { captions, concepts } = request;
    requireListed(uploads, concepts.length);
    const sets: StagedSets = {
      forgetImages: await stage('forget', uploads.forgetImages, captions.forget),
      retainImages: await stage('retain', uploads.retainImages, captions.retain),
      conceptImages: new Map(),
    };
    for (const [place, concept] of concepts.entries()) {
      const images = uploads.conceptImages.get(place) ?? [];
      const set = await stage(`concept-${place + 1}`, images, concept.captions);
      if (set !== null) sets.conceptImages.set(place, set);
    }
    await requireSomething(request, uploads, place.model);
    const draft = await draftStaged(request, sets, place);
    return await repository.add(draft, {
      forgetImages: sets.forgetImages?.folder ?? null,
      retainImages: sets.retainImages?.folder ?? null,
      conceptImages: new Map([...sets.conceptImages].map(([place, { folder }]) => [place, folder])),
    });
  } finally {
    await rm(staging, { recursive: true, force: true });
  }

  async function stage(
    set: string,
    images: readonly UploadedFile[],
    said: Readonly<Record<string, string>>,
  ) {
    const captions = new Map(Object.entries(said));
    if (images.length === 0 && captions.size === 0) return null;
    return stageImages(path.join(staging, `${set}-images`), set, images, captions);
  }
}

/** Given pictures, as they lie on the disk. */
interface StagedSets {
  readonly forgetImages: StagedImages | null;
  readonly retainImages: StagedImages | null;
  readonly conceptImages: Map<number, StagedImages>;
}

/** @throws AppError `usage.invalid` for pictures of a concept that is not there */
function requireListed({ conceptImages }: Uploads, concepts: number): void {
  const place = [...conceptImages.keys()].find((key) => key >= concepts);
  if (place === undefined) return;
  throw new AppError(
    'usage.invalid',
    `there are pictures for conceptImages[${place}], and the list has ${concepts} concepts, counted from 0. Send them with the place of their concept.`,
  );
}

async function draftStaged(
  request: Request,
  sets: StagedSets,
  { model, host, dataFolder, threads }: DraftPlace,
): Promise<JobDraft> {
  const single = [sets.forgetImages, sets.retainImages].filter((set) => set !== null);
  const staged = [...single, ...sets.conceptImages.values()];
  const asked = eraseRequest(request, { model, threads, outputFolder: host.resultFolder(model) });
  const question: DraftQuestion = {
    request: {
      ...asked,
      concepts: (asked.concepts ?? []).map((concept, place) => ({
        ...concept,
        images: sets.conceptImages.get(place)?.folder,
      })),
      ...(await chooseCompanions(request, companionFiles(host, dataFolder), model)),
      hostDrawing: await hostDrawing(host, model),
      forgetImages: sets.forgetImages?.folder,
      retainImages: sets.retainImages?.folder,
    },
    environment: { presetFolders: presetFolders(dataFolder), dataFolder },
  };
  try {
    // Pictures from outside are decoded in a process of their own.
    const draft =
      staged.length === 0
        ? await draftJob(question.request, question.environment)
        : ((await askProcess(draftWorker, question, {
            timeoutMs: DRAFT_TIMEOUT_MS,
            purpose: 'checking the pictures',
          })) as JobDraft);
    return {
      ...draft,
      loraFolder: await loraFolderFor(draft, host),
      warnings: draft.warnings.map((warning) => withClientNames(warning, staged)),
    };
  } catch (error) {
    throw errorWithClientNames(error, staged);
  }
}

/** The host's folder for a draft whose result is a LoRA file; a host that does not answer has none to tell. */
async function loraFolderFor({ settings }: JobDraft, host: Host): Promise<string | null> {
  if (trainingOf(settings)?.output !== 'lora') return null;
  try {
    return await host.loraFolder();
  } catch (error) {
    if (error instanceof AppError) return null;
    throw error;
  }
}

/** A request to the server as the command line would make it, its pictures left out. */
export function eraseRequest(
  request: Request,
  {
    model,
    threads,
    outputFolder,
  }: { model: Pick<HostModel, 'path'>; threads: number; outputFolder: string | undefined },
): EraseRequest {
  return {
    model: model.path,
    preset: request.preset,
    variables: request.variables,
    forget: request.forget,
    concepts: request.concepts.map(({ name, forget, anchor, neighbours }) => ({
      ...{ name, forget, anchor, neighbours },
    })),
    forgetImages: undefined,
    retain: request.retain,
    retainImages: undefined,
    anchor: request.anchor,
    heldBack: request.heldBack,
    pictureSizes: request.pictureSizes,
    concept: request.concept,
    settings: definedOnly(request.settings),
    judges: request.judges,
    device: request.device,
    threads,
    output: undefined,
    outputFolder,
    pictures: request.pictures,
    isWatched: true,
  };
}

/** The concepts of a request for an estimate, which is sent no pictures. */
export function announcedConcepts({ concepts }: Pick<Request, 'concepts'>): AnnouncedConcept[] {
  return concepts.map(({ captions, ...concept }) => ({
    ...concept,
    captions: Object.values(captions).filter((caption) => caption.trim() !== ''),
  }));
}

/** Said here and not where folders are read: a client knows no folders. */
async function requireSomething(
  request: Request,
  { forgetImages }: Uploads,
  model: HostModel,
): Promise<void> {
  const hasCaption = Object.values(request.captions.forget).some((text) => text.trim() !== '');
  const prompts = request.forget.length + request.concepts.length;
  const isSaid = request.preset !== undefined || prompts > 0 || hasCaption;
  if (isSaid || request.embeddings.length > 0) return;
  // Of a model that is asked for nothing pictures say all.
  if (forgetImages.length > 0 && (await describeModel(model)).asks === 'nothing') return;
  throw new AppError(
    'prompt.invalid',
    forgetImages.length === 0
      ? 'nothing is said of what to forget. Give prompts, pictures with captions, an embedding, or a preset.'
      : 'no picture to forget has a caption. Write what each shows, or give prompts.',
  );
}

function definedOnly<T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}
