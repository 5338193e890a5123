import { mkdir } from 'node:fs/promises';

import type { Adaptation } from '../adapters/adapter.ts';
import { asDrawn } from '../drawing/drawing.ts';
import { type Checkpoint, latentSize } from '../families/checkpoint.ts';
import { elementAt } from '../element-at.ts';
import type { EncodedPromptSet } from '../families/encoded-prompt.ts';
import type { LatentSize } from '../families/family.ts';
import { isSameSize } from '../families/latent-sizes.ts';
import type { Precision } from '../pipeline/unet-graph.ts';
import { UnetSession } from '../pipeline/unet-session.ts';
import type { TensorSet } from '../runtime/tensor-set.ts';
import type { Dataset, DatasetItem } from '../training/dataset.ts';
import type { Role } from '../evaluation/figure.ts';
import type { DrawnSets } from './drawn-sets.ts';
import type { Phase } from './events.ts';
import type { EraseJob, TrainingJob } from './job.ts';
import type { NewWeights } from './new-weights.ts';
import { drawImages, encodeImages, readJobImages, type JobImages } from './make-dataset.ts';
import { adaptationFor } from '../methods/adaptation.ts';
import { choosePrecision } from '../methods/choose-precision.ts';
import type { TrainingMethod } from '../methods/method.ts';
import type { EraseSettings } from '../methods/registry.ts';
import { readDataset, readRunState, writeDataset } from '../training/run-state.ts';
import type { RunIo } from './run-io.ts';
import { SampleFolder } from './sample-folder.ts';
import { train } from '../training/train.ts';

/** Where a run is, and whom it tells. */
export interface RunPlace {
  readonly folder: string;
  readonly stateFolder: string;
  readonly io: RunIo;
  /** Sets of earlier jobs; null where every set is drawn anew. */
  readonly drawnSets: DrawnSets | null;
}

/**
 * Trains from wherever a run stands, or from the original: makes its data, then takes its steps. What a
 * resumed run needs is kept in the state's folder.
 *
 * @throws the signal's reason once the state is saved; AppError `training.collapsed`, `device.*`
 */
export async function trainWeights(
  checkpoint: Checkpoint,
  job: TrainingJob,
  method: TrainingMethod<EraseSettings>,
  place: RunPlace,
): Promise<NewWeights> {
  const { settings } = job;
  const adaptation = await openAdaptation(checkpoint, job, place);
  const known = await readDataset(place.stateFolder);
  const saved = known && (await readRunState(place.stateFolder, method.stateSets(settings)));
  const images = known ? null : await readJobImages(job, place.folder, checkpoint.condition);
  const encoded = known
    ? encodedPrompts(known, checkpoint.condition.width)
    : await encodeJobPrompts(checkpoint, job, { images, io: place.io });
  const files = images
    ? await encodeFiles(checkpoint, job, { images, signal: place.io.signal })
    : null;

  const precision = await choosePrecision(settings.computePrecision, job.device);
  const unet = await UnetSession.create(checkpoint, {
    shape: {
      batch: settings.batch,
      ...latentSize(checkpoint, settings),
      contextTokens: encoded.tokens,
    },
    otherSizes: otherSizes(checkpoint, job),
    adaptation,
    device: job.device,
    threads: job.threads,
    precision,
  });
  try {
    const parameters = saved?.parameters ?? (await adaptation.initial());
    const sources = { checkpoint, unet, precision, parameters, encoded, images, files };
    const dataset = known ?? (await makeDataset(job, method, sources, place));
    const samples = new SampleFolder(place.folder, place.io);
    const run = {
      checkpoint,
      job,
      unet,
      adaptation,
      parameters,
      saved,
      dataset,
      samples,
      ...place,
    };
    const trained = await train(run, method);
    return {
      replaced: adaptation.merged(trained.parameters),
      change: adaptation.alone?.(trained.parameters) ?? null,
      steps: trained.steps,
      release: () => Promise.resolve(),
    };
  } finally {
    await unet.release();
  }
}

/** What a run's data are made of. */
interface DataSources {
  readonly checkpoint: Checkpoint;
  readonly unet: UnetSession;
  readonly precision: Precision;
  /** Those of the original. */
  readonly parameters: TensorSet;
  readonly encoded: EncodedPromptSet;
  readonly images: JobImages | null;
  /** Pictures that were given, by their role. */
  readonly files: Readonly<Record<Role, readonly DatasetItem[] | null | undefined>> | null;
}

/** Draws the sets that no pictures were given for, or takes those of an earlier job, and keeps all of it. */
async function makeDataset(
  job: TrainingJob,
  method: TrainingMethod<EraseSettings>,
  { images, files, precision, ...tools }: DataSources,
  { stateFolder, io, drawnSets }: RunPlace,
): Promise<Dataset> {
  const { checkpoint, unet, encoded } = tools;
  const isDrawn = (role: Role) =>
    method.pictures.includes(role) && images?.areMissing[role] === true;
  if (method.pictures.some(isDrawn)) phase(io, 'generate');
  // All of a set or nothing: what is drawn in other batches differs in its last bits.
  const drawnSet = async (role: Role) => {
    const graph = { precision, tokens: encoded.tokens };
    const found = await drawnSets?.find(job, role, graph);
    if (found) return found;
    const items = await drawImages(tools, job, role, io.signal);
    await drawnSets?.keep(job, role, graph, items);
    return items;
  };
  // Of several concepts some may have pictures, and the others are drawn.
  const picturesOf = async (role: Role) => [
    ...(files?.[role] ?? []),
    ...(isDrawn(role) ? await drawnSet(role) : []),
  ];
  const made: Dataset = {
    forget: await picturesOf('forget'),
    retain: await picturesOf('retain'),
    anchors: images?.anchors ?? new Map<string, string>(),
    prompts: encoded.prompts,
  };
  await writeDataset(stateFolder, made, {
    channels: elementAt(unet.latentShape, 1),
    contextShape: [encoded.tokens, checkpoint.condition.width],
  });
  return made;
}

/** Sizes of latents besides that of what is drawn. */
function otherSizes(checkpoint: Checkpoint, { settings, shapes }: EraseJob): LatentSize[] {
  const usual = latentSize(checkpoint, settings);
  const sizes = shapes.map((shape) => latentSize(checkpoint, shape));
  return sizes.filter((size) => !isSameSize(size, usual));
}

/** What the job trains. Frozen weights that are not the checkpoint's own are made, if need be. */
async function openAdaptation(
  checkpoint: Checkpoint,
  { settings }: TrainingJob,
  { stateFolder, io }: RunPlace,
): Promise<Adaptation> {
  const adaptation = adaptationFor(checkpoint, settings, stateFolder);
  if (!adaptation.base) return adaptation;
  await mkdir(stateFolder, { recursive: true });
  const error = await adaptation.base.make();
  if (error !== null) {
    const percent = (100 * error).toFixed(2);
    io.onEvent({
      event: 'notice',
      message: `The weights that the change is trained on are rounded to 8 bits, ${percent} % off. The result is made from the model’s own.`,
    });
  }
  return adaptation;
}

function phase(io: RunIo, name: Phase): void {
  io.onEvent({ event: 'phase', phase: name });
}

function encodedPrompts({ prompts }: Dataset, contextWidth: number): EncodedPromptSet {
  const [first] = prompts.values();
  return { prompts, tokens: (first?.context.length ?? 0) / contextWidth };
}

async function encodeJobPrompts(
  checkpoint: Checkpoint,
  job: EraseJob,
  { images, io }: { images: JobImages | null; io: RunIo },
): Promise<EncodedPromptSet> {
  phase(io, 'encode');
  const anchors = images?.anchors ?? new Map<string, string>();
  const captions = images?.retain?.map(({ prompt }) => prompt) ?? [];
  const { settings, device, threads } = job;
  const retain = job.retain.map((prompt) => asDrawn(prompt, settings));
  const { negative, clipSkip } = settings;
  const own = ['', negative, ...anchors.keys(), ...anchors.values()];
  return checkpoint.condition.encode([...own, ...retain, ...captions], {
    ...{ device, threads, clipSkip },
  });
}

async function encodeFiles(
  checkpoint: Checkpoint,
  job: EraseJob,
  { images, signal }: { images: JobImages; signal: AbortSignal },
) {
  if (!images.forget && !images.retain) return null;
  const sets = { forget: images.forget ?? [], retain: images.retain ?? [] };
  const { forget, retain } = await encodeImages(checkpoint, job, sets, signal);
  return { forget: images.forget && forget, retain: images.retain && retain };
}
