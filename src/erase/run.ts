import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { PROVENANCE_KEY } from '../checkpoint/provenance.ts';
import { copiesLeftOut } from '../families/stable-diffusion/unet-copies.ts';
import { provenanceOf, stepsOfResult } from './result.ts';
import { writeScrubbedModel } from '../families/scrubbed-model.ts';
import { AppError } from '../errors.ts';
import { openCheckpoint, type Checkpoint } from '../families/checkpoint.ts';
import { latentScale } from '../families/stable-diffusion/image-size.ts';
import { encodePrompts, type EncodedPromptSet } from '../families/stable-diffusion/text-encoder.ts';
import { UnetSession } from '../pipeline/unet-session.ts';
import { readElements } from '../runtime/read-back.ts';
import type { TensorSet } from '../runtime/tensor-set.ts';
import type { Dataset } from '../training/dataset.ts';
import type { Phase } from './events.ts';
import type { EraseJob } from './job.ts';
import { evaluateResult } from './evaluate-result.ts';
import { drawImages, encodeImages, readJobImages, type JobImages } from './make-dataset.ts';
import { readParameters } from '../pipeline/read-parameters.ts';
import { methodOf } from '../methods/registry.ts';
import { readDataset, readRunState, writeDataset } from '../training/run-state.ts';
import type { RunIo } from './run-io.ts';
import { SampleFolder } from './sample-folder.ts';
import { trainedNames } from '../methods/train-sets.ts';
import { train } from '../training/train.ts';

/**
 * Runs a job from wherever it stands: makes its data, trains, writes the scrubbed model, judges it.
 * What a resumed run needs is kept in `<folder>/state`; once the model is written, nothing of it.
 *
 * @throws job.cancelled after the state was saved; checkpoint.*, output.*, device.* as they come
 */
export async function runJob(job: EraseJob, folder: string, io: RunIo): Promise<void> {
  // As it was found when the job was made: a run that is resumed goes on as it began.
  const checkpoint = await openCheckpoint(job.model.path, job.prediction ?? undefined);
  try {
    for (const message of job.prediction?.remarks ?? []) io.onEvent({ event: 'notice', message });
    const steps = (await stepsOfResult(job)) ?? (await makeResult(checkpoint, job, folder, io));
    await evaluateResult(checkpoint, job, { folder, steps, io });
  } catch (error) {
    if (!io.signal.aborted || error instanceof AppError) throw error;
    throw new AppError(
      'job.cancelled',
      `job ${job.id} was cancelled; resume it with: resume ${job.id}`,
    );
  } finally {
    await checkpoint.file.close();
  }
}

/** Trains and writes the scrubbed model. @returns the outer steps that made it */
async function makeResult(
  checkpoint: Checkpoint,
  job: EraseJob,
  folder: string,
  io: RunIo,
): Promise<number> {
  const stateFolder = stateFolderOf(folder);
  await mkdir(stateFolder, { recursive: true });
  const { parameters, steps } = await trainFromState(checkpoint, job, { stateFolder, folder, io });
  phase(io, 'save');
  const dropped = copiesLeftOut(checkpoint.file);
  await writeScrubbedModel({
    source: checkpoint.file,
    outputPath: job.output,
    replaced: new Map(
      [...parameters.entries()].map(([name, tensor]) => [name, () => readElements(tensor)]),
    ),
    metadata: { [PROVENANCE_KEY]: JSON.stringify(provenanceOf(job, steps, dropped)) },
    signal: io.signal,
  });
  if (dropped.length > 0) {
    io.onEvent({ event: 'notice', message: describeDropped(dropped) });
  }
  return steps;
}

/** Names of copies that a message tells one by one. */
const MAX_NAMED_COPIES = 4;

function describeDropped(dropped: readonly string[]): string {
  const named = dropped.slice(0, MAX_NAMED_COPIES).map((name) => `"${name}"`);
  const more = dropped.length - named.length;
  const rest = more > 0 ? ` and ${more} more` : '';
  return `The model holds copies of its UNet, which would still draw the concept. They were left out of the result: ${named.join(', ')}${rest}. The original still has them.`;
}

/** What a resumed run needs: as large as several copies of what is trained. */
export function stateFolderOf(jobFolder: string): string {
  return path.join(jobFolder, 'state');
}

interface RunPlace {
  readonly folder: string;
  readonly stateFolder: string;
  readonly io: RunIo;
}

/** The trained parameters and how many steps made them. */
async function trainFromState(
  checkpoint: Checkpoint,
  job: EraseJob,
  place: RunPlace,
): Promise<{ parameters: TensorSet; steps: number }> {
  const names = trainedNames(checkpoint.file.tensors.keys(), job.settings.train);
  const known = await readDataset(place.stateFolder);
  const saved =
    known &&
    (await readRunState(place.stateFolder, methodOf(job.settings).stateSets(job.settings)));
  const images = known ? null : await readJobImages(job, place.folder);
  const encoded = known
    ? encodedPrompts(known, checkpoint.architecture.unet.contextDim)
    : await encodeJobPrompts(checkpoint, job, { images, io: place.io });
  const files = images
    ? await encodeFiles(checkpoint, job, { images, signal: place.io.signal })
    : null;

  const latentSize = job.settings.size / latentScale(checkpoint);
  const unet = await UnetSession.create(checkpoint, {
    shape: {
      batch: job.settings.batch,
      latentHeight: latentSize,
      latentWidth: latentSize,
      contextTokens: encoded.tokens,
    },
    trained: names,
    device: job.device,
    threads: job.threads,
  });
  try {
    const parameters = saved?.parameters ?? (await readParameters(checkpoint, names));
    const dataset = known ?? (await makeDataset(parameters));
    const samples = new SampleFolder(place.folder, place.io);
    return await train({ checkpoint, job, unet, parameters, saved, dataset, samples, ...place });
  } finally {
    await unet.release();
  }

  async function makeDataset(original: TensorSet): Promise<Dataset> {
    const tools = { checkpoint, unet, parameters: original, encoded };
    const { signal } = place.io;
    if (!files?.forget || !files.retain) phase(place.io, 'generate');
    const made: Dataset = {
      forget: files?.forget ?? (await drawImages(tools, job, 'forget', signal)),
      retain: files?.retain ?? (await drawImages(tools, job, 'retain', signal)),
      anchors: images?.anchors ?? new Map<string, string>(),
      prompts: encoded.prompts,
    };
    const contextWidth = checkpoint.architecture.unet.contextDim;
    await writeDataset(place.stateFolder, made, {
      latentShape: unet.latentShape.slice(1),
      contextShape: [encoded.tokens, contextWidth],
    });
    return made;
  }
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
  const prompts = new Set(['', ...anchors.keys(), ...anchors.values(), ...job.retain, ...captions]);
  return encodePrompts(checkpoint, prompts, { device: job.device, threads: job.threads });
}

async function encodeFiles(
  checkpoint: Checkpoint,
  job: EraseJob,
  { images, signal }: { images: JobImages; signal: AbortSignal },
) {
  if (!images.forget && !images.retain) return null;
  const sets = [images.forget ?? [], images.retain ?? []];
  const [forget, retain] = await encodeImages(checkpoint, job, sets, signal);
  return { forget: images.forget && forget, retain: images.retain && retain };
}
