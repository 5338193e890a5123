import { AppError } from '../errors.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { UnetSession } from '../pipeline/unet-session.ts';
import type { ParameterSpec } from '../optim/update-graph.ts';
import type { OptimizerSettings } from '../optim/update-rule.ts';
import { elementCount } from '../tensor/shape.ts';
import { readParameters } from '../pipeline/read-parameters.ts';
import { takeElements } from '../runtime/read-back.ts';
import { TensorSet } from '../runtime/tensor-set.ts';
import { initialGuardState, judge, type GuardState, type Verdict } from './collapse-guard.ts';
import { BatchSource, type Dataset } from './dataset.ts';
import { eraseDiffStep, type EraseDiff, type RetainBatch } from './erasediff.ts';
import { type MixtureBatch, sissStep } from './siss.ts';
import type { EraseJob } from './job.ts';
import { scheduleOf } from '../pipeline/schedule-of.ts';
import { holdToOriginal } from './mixture.ts';
import { InnerProducts, Optimizer } from './optimizer.ts';
import type { StepReport } from './outer-step.ts';
import type { RunIo } from './run-io.ts';
import { Previews } from './previews.ts';
import type { SampleFolder } from './sample-folder.ts';
import {
  readHealthy,
  writeHealthy,
  writeRunState,
  type HealthyState,
  type RunState,
} from './run-state.ts';

/** Unless a job says how often, saving the state takes at most this share of the time, */
const savingShare = 0.05;
/** and saves are at least this far apart. */
const minimumSecondsBetweenSaves = 30;
/**
 * Up to this size the original's parameters are kept beside θ. Larger ones are read again at each
 * step, which takes seconds of a step of many: a full model has no room for another copy.
 */
const maxKeptOriginalBytes = 2 ** 30;
/** Health is checked about this often in a run, on this many batches. */
const healthChecks = 10;
const validationBatches = 4;
/** Predictions of a run's health checks, with the one before the first step. */
export function healthCheckPredictions(steps: number): number {
  return (Math.min(steps, healthChecks) + 1) * validationBatches;
}

/** Whether the original's trained parameters, of so many bytes, stay in memory beside θ. */
export function keepsOriginal(parameterBytes: number): boolean {
  return parameterBytes <= maxKeptOriginalBytes;
}

const risenLoss = "the loss on kept prompts rose far above the original's";
const ruinedPictures = 'the pictures of kept prompts became flat, glaring or all alike';

export interface Training {
  readonly checkpoint: Checkpoint;
  readonly job: EraseJob;
  readonly unet: UnetSession;
  /** θ, trained in place: the saved ones, or the original's. */
  readonly parameters: TensorSet;
  readonly saved: RunState | null;
  readonly dataset: Dataset;
  readonly stateFolder: string;
  readonly samples: SampleFolder;
  readonly io: RunIo;
}

/** Trains from the saved state, or from the original, to the last step. */
export async function train(training: Training) {
  training.io.onEvent({ event: 'phase', phase: 'train' });
  const loop = await TrainingLoop.create(training);
  try {
    return await loop.run();
  } finally {
    await loop.release();
  }
}

class TrainingLoop {
  private readonly training: Training;
  private readonly algorithm: EraseDiff;
  private readonly batches: BatchSource;
  private readonly keptOriginal: TensorSet | null;
  private readonly previews: Previews;
  private guard: GuardState;
  private step: number;
  private lastSave = performance.now();
  private lastSaveSeconds = 0;
  private readonly stepSeconds: number[] = [];

  private constructor(training: Training, algorithm: EraseDiff, original: TensorSet | null) {
    this.training = training;
    this.algorithm = algorithm;
    this.keptOriginal = original;
    this.guard = training.saved?.progress.guard ?? initialGuardState;
    this.step = training.saved?.progress.step ?? 0;
    const { settings } = training.job;
    this.previews = new Previews({ ...training, signal: training.io.signal });
    this.batches = new BatchSource(training.dataset, {
      seed: settings.seed,
      batch: settings.batch,
      accumulation: settings.accumulation,
      target: settings.target,
      mixture: settings.mixture,
      firstTimestep: settings.firstTimestep,
      schedule: scheduleOf(training.checkpoint),
      predictionType: training.checkpoint.architecture.diffusion.predictionType,
    });
  }

  static async create(training: Training): Promise<TrainingLoop> {
    const { checkpoint, job, unet, parameters: start, saved } = training;
    const { settings, device, threads } = job;
    const parameters: ParameterSpec[] = [...start.entries()].map(([name, { dims }]) => ({
      name,
      shape: dims,
    }));
    const optimizer = (rule: OptimizerSettings, terms: number) =>
      Optimizer.create(parameters, rule, { device, threads, terms });
    const outer = await optimizer(settings.optimizer, 2);
    const inner = await optimizer(settings.innerOptimizer, 1);
    const workspaceSet = () =>
      device === 'webgpu' ? new TensorSet() : TensorSet.zeros(parameters);
    const algorithm: EraseDiff = {
      model: unet,
      parameters: start,
      outerState: saved?.outerState ?? outer.freshState(),
      outer,
      inner,
      innerState: settings.innerSteps > 0 ? inner.freshState() : { step: 0, moments: new Map() },
      accumulator: await optimizer({ kind: 'sgd', momentum: 0, weightDecay: 0 }, 1),
      innerProducts: await InnerProducts.create(parameters, { device, threads }),
      workspace: {
        first: workspaceSet(),
        second: workspaceSet(),
        third: settings.accumulation > 1 ? workspaceSet() : new TensorSet(),
      },
    };
    const names = parameters.map(({ name }) => name);
    const isKept = keepsOriginal(byteLength(parameters));
    const original =
      settings.retainTarget === 'original' && isKept
        ? await readParameters(checkpoint, names)
        : null;
    return new TrainingLoop(training, algorithm, original);
  }

  async run(): Promise<{ parameters: TensorSet; steps: number }> {
    const { job, io } = this.training;
    const { settings } = job;
    for (;;) {
      if (io.signal.aborted) {
        await this.save();
        io.signal.throwIfAborted();
      }
      // Pictures first: what they speak against is not kept as good.
      if ((await this.preview()) === 'ruined') return this.fallBack(ruinedPictures);
      if ((await this.checkHealth()) === 'collapsed') return this.fallBack(risenLoss);
      if (this.step === settings.steps) {
        return { parameters: this.algorithm.parameters, steps: this.step };
      }
      const started = performance.now();
      const report =
        settings.method === 'siss'
          ? await sissStep(this.algorithm, await this.mixtureBatches(), settings)
          : await eraseDiffStep(this.algorithm, await this.stepBatches(), settings);
      this.step += 1;
      this.stepSeconds.push((performance.now() - started) / 1000);
      this.report(report);
      // Whatever happens once the training is done, it is not done again.
      if (this.step === settings.steps || this.isSaveDue()) await this.save();
    }
  }

  /** Draws the pictures that are due now. */
  private async preview(): Promise<'good' | 'ruined'> {
    const { previews, step } = this;
    const { job, io } = this.training;
    if (!previews.isDue(step)) return 'good';
    const which = step === 0 ? 'before' : step < job.settings.steps ? 'during' : 'after';
    try {
      return await previews.show(which, step, this.algorithm.parameters);
    } catch (error) {
      if (io.signal.aborted) await this.save();
      throw error;
    }
  }

  /** Ends a run that destroys the model with the last parameters that were in good health. */
  private async fallBack(reason: string): Promise<{ parameters: TensorSet; steps: number }> {
    const { io, stateFolder, job } = this.training;
    const why = `Training began to destroy the model and was stopped at step ${this.step}: ${reason}.`;
    const healthy = await readHealthy(stateFolder);
    if (!healthy || !(await this.drawsWell(healthy))) {
      throw new AppError(
        'training.collapsed',
        `${why} No step before was in good health, so no model was written. Start again with a smaller learning rate (--lr) than ${job.settings.learningRate}.`,
      );
    }
    io.onEvent({ event: 'notice', message: `${why} The model of step ${healthy.step} is used.` });
    return { parameters: healthy.parameters, steps: healthy.step };
  }

  /** Whether a state may be the result, by its pictures, which are shown as the result's. */
  private async drawsWell({ parameters, step }: HealthyState): Promise<boolean> {
    if (this.training.job.settings.sampleEvery === 0) return true;
    return (await this.previews.show('after', step, parameters)) === 'good';
  }

  async release(): Promise<void> {
    const { outer, inner, accumulator, innerProducts, innerState, workspace } = this.algorithm;
    for (const tool of [outer, inner, accumulator, innerProducts]) await tool.release();
    const { first, second, third } = workspace;
    for (const set of [first, second, third, ...innerState.moments.values()]) set.dispose();
  }

  private async stepBatches() {
    const { innerSteps, accumulation } = this.training.job.settings;
    const { batches, step } = this;
    const places = range(accumulation).map((i) => step * accumulation + i);
    return {
      inner: range(innerSteps).map((k) => batches.forgetBatch('inner', step * innerSteps + k)),
      forget: places.map((place) => batches.forgetBatch('forget', place)),
      retain: await this.heldToTarget(places.map((place) => batches.retainBatch('retain', place))),
    };
  }

  private async mixtureBatches(): Promise<MixtureBatch[]> {
    const { accumulation, retainTarget } = this.training.job.settings;
    const { batches, step } = this;
    const drawn = range(accumulation).map((i) => batches.mixtureBatch(step * accumulation + i));
    if (retainTarget === 'noise') return drawn.map(({ batch }) => batch);
    const original = this.keptOriginal ?? (await this.originalInWorkspace());
    const held: MixtureBatch[] = [];
    for (const { batch, isForgotten } of drawn) {
      const prediction = await takeElements(await this.training.unet.predict(original, batch));
      held.push(holdToOriginal(batch, prediction, isForgotten));
    }
    return held;
  }

  /** Batches to keep, their targets the added noise or what the original model predicts. */
  private async heldToTarget(batches: readonly RetainBatch[]): Promise<RetainBatch[]> {
    const { unet, job } = this.training;
    if (job.settings.retainTarget === 'noise') return [...batches];
    const original = this.keptOriginal ?? (await this.originalInWorkspace());
    const held: RetainBatch[] = [];
    for (const batch of batches) {
      held.push({ ...batch, target: await takeElements(await unet.predict(original, batch)) });
    }
    return held;
  }

  /** The original's parameters in memory that nothing else needs between two steps. */
  private async originalInWorkspace(): Promise<TensorSet> {
    const { workspace, parameters } = this.algorithm;
    const names = [...parameters.entries()].map(([name]) => name);
    return readParameters(this.training.checkpoint, names, workspace.first);
  }

  private report(report: StepReport): void {
    const { steps } = this.training.job.settings;
    const recent = this.stepSeconds.slice(-20);
    const secondsPerStep = recent.reduce((sum, seconds) => sum + seconds, 0) / recent.length;
    this.training.io.onEvent({
      event: 'progress',
      step: this.step,
      steps,
      retainLoss: finite(report.retainLoss),
      forgetLoss: finite(report.forgetLoss),
      gap: report.gap === null ? null : finite(report.gap),
      lambda: finite(report.lambda),
      retainGradientNorm: finite(report.retainGradientNorm),
      forgetGradientNorm: finite(report.forgetGradientNorm),
      secondsPerStep,
      etaSeconds: secondsPerStep * (steps - this.step) + this.previews.secondsLeft(this.step),
    });
  }

  /**
   * Where it is due, measures the loss on kept pictures and remembers the parameters while it is
   * good.
   */
  private async checkHealth(): Promise<Verdict> {
    const { unet, stateFolder, job } = this.training;
    const { steps } = job.settings;
    const interval = Math.max(1, Math.round(steps / healthChecks));
    if (this.step % interval !== 0 && this.step !== steps) return 'healthy';
    const { parameters } = this.algorithm;
    let sum = 0;
    for (const index of range(validationBatches)) {
      const batch = this.batches.retainBatch('validation', index);
      sum += await unet.loss(parameters, batch, unet.target(batch.target));
    }
    const { verdict, state } = judge(this.guard, sum / validationBatches);
    this.guard = state;
    if (verdict === 'healthy' && this.step > 0) {
      await writeHealthy(stateFolder, { parameters, step: this.step });
    }
    return verdict;
  }

  private isSaveDue(): boolean {
    const { saveEvery } = this.training.job.settings;
    if (saveEvery !== null) return this.step % saveEvery === 0;
    const seconds = (performance.now() - this.lastSave) / 1000;
    return seconds >= Math.max(minimumSecondsBetweenSaves, this.lastSaveSeconds / savingShare);
  }

  private async save(): Promise<void> {
    const started = performance.now();
    const { parameters, outerState } = this.algorithm;
    await writeRunState(this.training.stateFolder, {
      parameters,
      outerState,
      progress: { step: this.step, optimizerStep: outerState.step, guard: this.guard },
    });
    this.lastSave = performance.now();
    this.lastSaveSeconds = (this.lastSave - started) / 1000;
  }
}

function byteLength(parameters: readonly ParameterSpec[]): number {
  return parameters.reduce((sum, { shape }) => sum + 4 * elementCount(shape), 0);
}

/** JSON knows no other numbers. */
function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
