import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';

import { openModelFiles } from '../families/open-model-files.ts';
import { pathExists } from '../checkpoint/output-path.ts';
import type { PredictionReading } from '../diffusion/prediction-reading.ts';
import { readProvenance } from '../checkpoint/provenance.ts';
import { watchingSettings } from '../methods/settings-fields.ts';
import { companionProvenance } from './companions.ts';
import type { EraseJob } from './job.ts';
import { upgradeSettings } from './stored-job.ts';
import { stepsOf, trainingSettings } from '../methods/registry.ts';

/**
 * The metadata entry of a scrubbed model: what was done to it. Nothing of when, in which folder or
 * how it was watched, so that the same erasure gives the same bytes. Where nobody wants its words in there, a
 * mark stands for them, which leads to the job.
 *
 * @param dropped copies of the UNet that the original has and the result has not
 */
export function provenanceOf(
  job: EraseJob,
  steps: number,
  dropped: readonly string[],
): Readonly<Record<string, unknown>> {
  const { appVersion, prediction, settings } = job;
  const isFull = settings.metadata === 'full';
  return {
    version: appVersion,
    method: settings.method,
    ...(isFull ? { forget: job.forget, retain: job.retain } : { job: markOf(job) }),
    steps,
    seed: settings.seed,
    settings: trainingSettings(settings),
    // Jobs of earlier versions know none.
    ...(prediction && { prediction: predictionOf(prediction) }),
    originalSha256: job.model.sha256,
    // An embedding's name is that of what is forgotten.
    ...companionProvenance(isFull ? job : { ...job, embeddings: [] }),
    ...(dropped.length > 0 && { dropped }),
  };
}

/**
 * What stands in a result's metadata for the words of its job. The same words have the same mark, so that the
 * same erasure gives the same bytes; who guesses all of them can tell that he has guessed right.
 */
export function markOf(job: Pick<EraseJob, 'model' | 'forget' | 'retain' | 'embeddings'>): string {
  const { model, forget, retain, embeddings } = job;
  const words = [model.sha256, forget, retain, embeddings.map(({ sha256 }) => sha256)];
  const hash = createHash('sha256').update(JSON.stringify(words));
  return hash.digest('hex').slice(0, MARK_CHARACTERS);
}
const MARK_CHARACTERS = 16;

/** What is read again of a result whose name no longer tells it. */
function predictionOf(reading: PredictionReading): Omit<PredictionReading, 'remarks'> {
  const { predictionType, zeroTerminalSnr, basis, source } = reading;
  return { predictionType, zeroTerminalSnr, basis, source };
}

/**
 * How many outer steps made the job's output; null unless it is there and tells that it was made as
 * the job says.
 */
export async function stepsOfResult(job: EraseJob): Promise<number | null> {
  if (!(await pathExists(job.output))) return null;
  const file = await openModelFiles(job.output).catch(() => null);
  if (!file) return null;
  const found = readProvenance(file.metadata);
  await file.close();
  // A run that stopped by itself used the parameters of an earlier step.
  const steps = typeof found?.steps === 'number' ? found.steps : stepsOf(job.settings);
  // What was dropped follows from the original, whose hash is compared.
  const { dropped: _dropped, ...told } = found ?? {};
  const expected = provenanceOf(job, steps, []);
  return [told, upgraded(told)].some((entry) => isDeepStrictEqual(entry, expected)) ? steps : null;
}

/** An entry as a program wrote it that kept the settings of all methods in one object. */
function upgraded(entry: Readonly<Record<string, unknown>>): unknown {
  const { method, settings } = entry;
  if (typeof settings !== 'object' || settings === null) return entry;
  const { method: _stated, ...upgradedSettings } = upgradeSettings({ ...settings, method });
  const watching = new Set<string>(watchingSettings);
  return {
    ...entry,
    settings: Object.fromEntries(
      Object.entries(upgradedSettings).filter(([name]) => !watching.has(name)),
    ),
  };
}

/** Whether the job's output is there and tells that it was made as the job says. */
export async function isResultOf(job: EraseJob): Promise<boolean> {
  return (await stepsOfResult(job)) !== null;
}
