import path from 'node:path';
import { z } from 'zod';

import { readJsonConfig } from '../../checkpoint/json-config.ts';
import {
  type BetaSchedule,
  betaSchedules,
  createNoiseSchedule,
  scheduleOfBetas,
} from '../../diffusion/noise-schedule.ts';
import {
  type PredictionReading,
  type PredictionWish,
  trainedTitles,
} from '../../diffusion/prediction-reading.ts';
import { type SchedulerDrawing, timestepSpacings } from '../../diffusion/scheduler-drawing.ts';
import { readSamplerName } from '../../diffusion/samplers/sampler-names.ts';
import { VariancePreserving } from '../../diffusion/variance-preserving.ts';
import { AppError } from '../../errors.ts';
import type { NamedSampler } from '../family.ts';

const beta = z.number().gt(0).lt(1);
/** Longer schedules than any that are trained. */
const MAX_TIMESTEPS = 100_000;

/** Defaults are those of diffusers' `DDPMScheduler` and `DDIMScheduler`. */
const schedulerSchema = z.looseObject({
  _class_name: z.string().optional(),
  num_train_timesteps: z.int().min(2).max(MAX_TIMESTEPS).default(1000),
  beta_start: beta.default(0.0001),
  beta_end: beta.default(0.02),
  beta_schedule: z.string().default('linear'),
  trained_betas: z.array(beta).min(2).max(MAX_TIMESTEPS).nullish(),
  variance_type: z.string().nullable().default('fixed_small'),
  clip_sample: z.boolean().default(true),
  clip_sample_range: z.number().positive().default(1),
  prediction_type: z.string().nullish(),
  thresholding: z.boolean().default(false),
  timestep_spacing: z.enum(timestepSpacings).default('leading'),
  steps_offset: z.int().min(0).max(MAX_TIMESTEPS).default(0),
  set_alpha_to_one: z.boolean().default(true),
  rescale_betas_zero_snr: z.boolean().default(false),
});
type SchedulerConfig = z.infer<typeof schedulerSchema>;

/** How a model was trained and draws, and where that stands. */
export interface ReadScheduler {
  readonly process: VariancePreserving;
  readonly prediction: PredictionReading;
  /** The sampler that its scheduler is; null for DDPM's own, whose 1,000 steps nobody waits for. */
  readonly sampler: NamedSampler | null;
  /** In words, for descriptions. */
  readonly schedule: {
    readonly betaSchedule: string;
    readonly timesteps: number;
    readonly clip: number | null;
    readonly variance: SchedulerDrawing['variance'];
  };
  /** What nothing says and was taken as usual, in sentences. */
  readonly assumptions: readonly string[];
}

/**
 * Reads what a model's scheduler says.
 *
 * @param filePath of its `scheduler_config.json`; null where there is none, and all is as diffusers' defaults
 * @param wish what the person says it predicts, or what a job found before
 * @throws AppError `checkpoint.config`, `model.unsupported` for what cannot be trained here
 */
export async function readScheduler(
  filePath: string | null,
  wish: PredictionWish | PredictionReading | undefined,
): Promise<ReadScheduler> {
  const what = 'a config of a scheduler';
  const found = filePath === null ? {} : await readJsonConfig(filePath, schedulerSchema, what);
  const config = schedulerSchema.parse(found ?? {});
  const prediction = typeof wish === 'object' ? wish : readPrediction(config, { filePath, wish });
  const drawing = drawingOf(config, filePath);
  const { sampler, assumptions } = { sampler: samplerOf(config), assumptions: [] as string[] };
  if (filePath === null) {
    assumptions.push(
      'No scheduler_config.json says how pictures were noised: 1,000 timesteps, beta rising linearly from 0.0001 to 0.02, as diffusers does by default.',
    );
  }
  if (config.thresholding) {
    assumptions.push('Its scheduler thresholds dynamically, and drawing here clips instead.');
  }
  const schedule = scheduleOf(config, { filePath, zeroTerminalSnr: prediction.zeroTerminalSnr });
  return {
    process: new VariancePreserving(schedule, prediction.predictionType, drawing),
    prediction,
    sampler,
    schedule: {
      betaSchedule: config.trained_betas ? 'trained_betas' : config.beta_schedule,
      timesteps: schedule.alphasCumprod.length,
      ...{ clip: drawing.clip, variance: drawing.variance },
    },
    assumptions,
  };
}

function scheduleOf(
  config: SchedulerConfig,
  { filePath, zeroTerminalSnr }: { filePath: string | null; zeroTerminalSnr: boolean },
) {
  if (config.trained_betas) {
    return scheduleOfBetas(Float64Array.from(config.trained_betas), zeroTerminalSnr);
  }
  const kind = betaSchedules.find((known) => known === config.beta_schedule);
  if (!kind) throw refused(filePath, 'beta_schedule', config.beta_schedule, betaSchedules);
  return createNoiseSchedule({
    kind: kind satisfies BetaSchedule,
    ...{ linearStart: config.beta_start, linearEnd: config.beta_end },
    ...{ timesteps: config.num_train_timesteps, zeroTerminalSnr },
  });
}

const predictions = { epsilon: 'epsilon', v_prediction: 'v_prediction' } as const;

function readPrediction(
  config: SchedulerConfig,
  { filePath, wish }: { filePath: string | null; wish: PredictionWish | undefined },
): PredictionReading {
  const { prediction_type: stated, rescale_betas_zero_snr: zeroTerminalSnr } = config;
  const where = filePath === null ? '' : ` in "${path.basename(filePath)}"`;
  const chosen = wish && {
    predictionType: wish === 'epsilon' ? predictions.epsilon : predictions.v_prediction,
    zeroTerminalSnr: wish === 'v-ztsnr',
  };
  if (chosen) {
    const contradiction = `The model’s scheduler says prediction_type ${JSON.stringify(stated)}; it is taken to predict ${trainedTitles[chosen.predictionType]}, as you chose.`;
    const isContradicted = stated != null && stated !== chosen.predictionType;
    const remarks = isContradicted ? [contradiction] : [];
    return { ...chosen, basis: 'chosen', source: 'your choice', remarks };
  }
  const predictionType = Object.values(predictions).find((known) => known === stated);
  if (predictionType) {
    const source = `prediction_type "${predictionType}"${where}`;
    return { predictionType, zeroTerminalSnr, basis: 'stated', source, remarks: [] };
  }
  if (stated != null) {
    throw refused(filePath, 'prediction_type', stated, Object.values(predictions));
  }
  return {
    ...{ predictionType: 'epsilon', zeroTerminalSnr, basis: 'assumed' },
    source: 'nothing states it, and diffusers then takes noise',
    remarks: [],
  };
}

const variances: Readonly<Record<string, SchedulerDrawing['variance']>> = {
  fixed_small: 'small',
  // Its logarithm is taken and undone again.
  fixed_small_log: 'small',
  fixed_large: 'large',
};

function drawingOf(config: SchedulerConfig, filePath: string | null): SchedulerDrawing {
  const variance = variances[config.variance_type ?? 'fixed_small'];
  if (!variance) {
    throw refused(filePath, 'variance_type', config.variance_type, Object.keys(variances));
  }
  return {
    ...{ spacing: config.timestep_spacing, stepsOffset: config.steps_offset },
    clip: config.clip_sample ? config.clip_sample_range : null,
    ...{ variance, endsClean: config.set_alpha_to_one },
  };
}

function samplerOf({ _class_name: scheduler }: SchedulerConfig): NamedSampler | null {
  const name = scheduler === undefined ? null : readSamplerName(scheduler);
  return name && { name, source: `its scheduler: ${scheduler}` };
}

function refused(
  filePath: string | null,
  setting: string,
  value: unknown,
  known: readonly string[],
): AppError {
  return new AppError(
    'model.unsupported',
    `"${filePath ?? 'the scheduler'}": it sets ${setting} to ${JSON.stringify(value)}, and only ${known.join(', ')} can be trained here.`,
  );
}
