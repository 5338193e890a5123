import { createNoiseSchedule } from '../diffusion/noise-schedule.ts';
import type { Process } from '../diffusion/process.ts';
import { VariancePreserving } from '../diffusion/variance-preserving.ts';
import { type Architecture, readArchitecture } from './stable-diffusion/architecture.ts';
import { type LdmConfig, readLdmConfig } from './stable-diffusion/ldm-config.ts';
import { type ModelFiles, openModelFiles } from './model-files.ts';
import type { PredictionReading, PredictionWish } from './stable-diffusion/prediction/reading.ts';

/** A Stable Diffusion checkpoint, open for reading. Whoever opened it closes `file`. */
export interface Checkpoint {
  readonly file: ModelFiles;
  readonly ldmConfig: LdmConfig | undefined;
  readonly architecture: Architecture;
  readonly process: Process;
}

/**
 * Opens a checkpoint, a single file or a diffusers folder, and derives what its models look like.
 * Whether a concept can be erased from it is for `requireErasable`, whether its weights are finite
 * for `requireFiniteWeights`.
 *
 * @param prediction what the person chose that it predicts, or a job found before; undefined leaves it
 *   to what its files say
 * @throws AppError `checkpoint.*`, `model.unsupported`; the files are then closed
 */
export async function openCheckpoint(
  modelPath: string,
  prediction?: PredictionWish | PredictionReading,
): Promise<Checkpoint> {
  const file = await openModelFiles(modelPath);
  try {
    const ldmConfig = await configOf(file);
    const architecture = await readArchitecture(file, ldmConfig, prediction);
    return { file, ldmConfig, architecture, process: processOf(architecture) };
  } catch (error) {
    await file.close();
    throw error;
  }
}

function processOf({ diffusion }: Architecture): Process {
  const { betaStart, betaEnd, timesteps, zeroTerminalSnr, predictionType } = diffusion;
  const schedule = { linearStart: betaStart, linearEnd: betaEnd, timesteps, zeroTerminalSnr };
  return new VariancePreserving(createNoiseSchedule(schedule), predictionType);
}

/**
 * What the configs say that belong to a model, in the words of an LDM config; undefined if none does.
 *
 * @throws AppError `checkpoint.config`
 */
export async function configOf(file: ModelFiles): Promise<LdmConfig | undefined> {
  return file.layout === 'diffusers' ? file.ldmConfig : readLdmConfig(file.path);
}
