import { open, stat } from 'node:fs/promises';

import { z } from 'zod';

import { type DrawingGuess, noGuess } from '../drawing/drawing-guess.ts';
import { guessDrawing } from '../drawing/guess.ts';
import type { Asks } from '../families/family.ts';
import { openCheckpoint } from '../families/checkpoint.ts';
import { configPathOf } from '../checkpoint/output-path.ts';
import { anyPrediction, type PredictionReading } from '../diffusion/prediction-reading.ts';
import { readProvenance } from '../checkpoint/provenance.ts';
import { conceptName, deriveConcept } from '../erase/anchors.ts';
import { LENGTH_PREFIX_BYTES, MAX_HEADER_BYTES } from '../checkpoint/safetensors-header.ts';
import { AppError } from '../errors.ts';
import { messageForFields } from '../remedy.ts';
import { askProcess } from '../processes/ask-process.ts';
import type { HostModel } from './host.ts';

/** What a checkpoint's header tells. */
export interface ModelDescription {
  readonly architecture: string | null;
  readonly refusal: string | null;
  readonly nativeSize: number | null;
  readonly modelChannels: number | null;
  /** How it is asked; null where it cannot be told. */
  readonly asks: Asks['kind'] | null;
  /** What it predicts, as its files say or as is assumed; null where that is refused. */
  readonly prediction: PredictionReading | null;
  /** How it is drawn with, as far as its files tell. */
  readonly drawing: DrawingGuess;
  /** Why that is refused, where it can be used all the same if the person says what it predicts. */
  readonly predictionProblem: string | null;
  /** Whether there is a VAE for it, its own or one beside it. */
  readonly hasVae: boolean;
  /** What was taken out of it; null for a model that was not scrubbed. */
  readonly concept: string | null;
}

/** By path, size and time of the file, and time of the config beside it. */
const known = new Map<string, Promise<ModelDescription>>();
/** More than anyone has; what is over begins anew. */
const MAX_KNOWN = 2000;

/** What a model is, from its header; one that cannot be read is described by the reason. */
export async function describeModel(model: HostModel): Promise<ModelDescription> {
  const { path, bytes, modifiedMs } = model;
  const config = await stat(configPathOf(path)).catch(() => null);
  const key = JSON.stringify([path, bytes, modifiedMs, config?.mtimeMs]);
  const found = known.get(key);
  if (found) return found;
  if (known.size >= MAX_KNOWN) known.clear();
  const description = describe(path);
  known.set(key, description);
  return description;
}

const describeWorker = new URL('./describe-worker.ts', import.meta.url);
/** Headers up to this are read in 20 ms; what is larger, 100 MB at most, would keep a server waiting. */
const MAX_HEADER_BYTES_HERE = 4 * 1024 * 1024;

async function describe(path: string): Promise<ModelDescription> {
  const bytes = await headerBytes(path);
  // What says that it has more than any is refused without being read.
  const isLarge = bytes > MAX_HEADER_BYTES_HERE && bytes <= MAX_HEADER_BYTES;
  if (!isLarge) return readDescription(path);
  return (await askProcess(describeWorker, path, {
    purpose: 'reading the header of a model',
  })) as ModelDescription;
}

/** How long a file's header is, by its beginning; 0 for what has none. */
async function headerBytes(path: string): Promise<number> {
  const handle = await open(path).catch(() => null);
  if (!handle) return 0;
  try {
    const start = Buffer.alloc(LENGTH_PREFIX_BYTES);
    await handle.read(start);
    return Number(start.readBigUInt64LE());
  } catch {
    // A folder.
    return 0;
  } finally {
    await handle.close();
  }
}

/** The same, read in this process. */
export async function readDescription(path: string): Promise<ModelDescription> {
  try {
    return await describeOpened(path, null);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const problem = messageForFields(error.message, error.remedy);
    // Usable if no more is wrong than what it predicts.
    const chosen = await describeOpened(path, problem).catch(() => null);
    if (chosen) return chosen;
    return {
      architecture: null,
      refusal: problem,
      nativeSize: null,
      modelChannels: null,
      asks: null,
      prediction: null,
      drawing: noGuess,
      predictionProblem: null,
      hasVae: true,
      concept: null,
    };
  }
}

/** @param predictionProblem what is wrong with what its files say it predicts; null for nothing */
async function describeOpened(
  path: string,
  predictionProblem: string | null,
): Promise<ModelDescription> {
  const choice = predictionProblem === null ? undefined : anyPrediction;
  const checkpoint = await openCheckpoint(path, choice);
  const { file, facts, denoiser, codec, condition } = checkpoint;
  await checkpoint.close();
  return {
    architecture: facts.title,
    refusal: facts.refusal,
    nativeSize: facts.nativeSize,
    modelChannels: denoiser.width,
    asks: condition.asks.kind,
    prediction: choice === undefined ? facts.prediction : null,
    drawing: guessDrawing(checkpoint),
    predictionProblem,
    hasVae: !codec.isMissing,
    concept: conceptOf(readProvenance(file.metadata)),
  };
}

const provenanceSchema = z.object({
  forget: z.array(z.object({ prompt: z.string() })).min(1),
  retain: z.array(z.string()).default([]),
});

/** From the file, so nothing is promised of it. */
function conceptOf(provenance: Readonly<Record<string, unknown>> | null): string | null {
  if (!provenance) return null;
  const { data } = provenanceSchema.safeParse(provenance);
  if (!data) return 'unknown';
  return conceptName(
    deriveConcept(
      data.forget.map(({ prompt }) => prompt),
      data.retain,
    ),
  );
}
