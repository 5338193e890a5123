import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { UnetSession } from '../pipeline/unet-session.ts';
import type { ParameterSpec } from '../optim/update-graph.ts';
import { momentNames, type OptimizerSettings } from '../optim/update-rule.ts';
import { takeElements } from '../runtime/read-back.ts';
import { TensorSet } from '../runtime/tensor-set.ts';
import { initialGuardState, judge, type GuardState } from './collapse-guard.ts';
import { BatchSource, type Dataset } from './dataset.ts';
import { eraseDiffStep, type EraseDiff, type RetainBatch, type StepReport } from './erasediff.ts';
import type { EraseJob } from './job.ts';
import { scheduleOf } from './make-dataset.ts';
import { InnerProducts, Optimizer } from './optimizer.ts';
import type { RunIo } from './run.ts';
import { readHealthy, readRunState, writeHealthy, writeRunState } from './run-state.ts';

/** The state is written at most this share of the time, */
const savingShare = 0.05;
/** and at least this far apart. */
const minimumSecondsBetweenSaves = 30;
/** Health is checked about this often in a run, on this many batches. */
const healthChecks = 10;
const validationBatches = 4;

export interface Training {
  readonly checkpoint: Checkpoint;
  readonly job: EraseJob;
  readonly unet: UnetSession;
  /** The original's values of the trained tensors, on the host. */
  readonly original: TensorSet;
  readonly dataset: Dataset;
  readonly stateFolder: string;
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
  private guard: GuardState;
  private step: number;
  private lastSave = performance.now();
  private lastSaveSeconds = 0;
  private readonly stepSeconds: number[] = [];

  private constructor(
    training: Training,
    algorithm: EraseDiff,
    { guard, step }: { guard: GuardState; step: number },
  ) {
    this.training = training;
    this.algorithm = algorithm;
    this.guard = guard;
    this.step = step;
    const { settings } = training.job;
    this.batches = new BatchSource(training.dataset, {
      seed: settings.seed,
      batch: settings.batch,
      target: settings.target,
      schedule: scheduleOf(training.checkpoint),
      predictionType: training.checkpoint.architecture.diffusion.predictionType,
    });
  }

  static async create(training: Training): Promise<TrainingLoop> {
    const { job, unet, original, stateFolder } = training;
    const { settings, device, threads } = job;
    const parameters: ParameterSpec[] = [...original.entries()].map(([name, { dims }]) => ({
      name,
      shape: dims,
    }));
    const optimizer = (rule: OptimizerSettings, terms: number) =>
      Optimizer.create(parameters, rule, { device, threads, terms });
    const outer = await optimizer(settings.optimizer, 2);
    const saved = await readRunState(stateFolder, momentNames(settings.optimizer));
    // Training changes θ in place; a full model has no room for a copy that nothing reads.
    const isOriginalNeeded = settings.retainTarget === 'original';
    const workspaceSet = () =>
      device === 'webgpu' ? new TensorSet() : TensorSet.zeros(parameters);
    const algorithm: EraseDiff = {
      model: unet,
      parameters: saved?.parameters ?? (isOriginalNeeded ? original.copy() : original),
      outerState: saved?.outerState ?? outer.freshState(),
      outer,
      inner: await optimizer(settings.innerOptimizer, 1),
      accumulator: await optimizer({ kind: 'sgd', momentum: 0, weightDecay: 0 }, 1),
      innerProducts: await InnerProducts.create(parameters, { device, threads }),
      workspace: {
        first: workspaceSet(),
        second: workspaceSet(),
        third: settings.accumulation > 1 ? workspaceSet() : new TensorSet(),
      },
    };
    return new TrainingLoop(training, algorithm, {
      guard: saved?.progress.guard ?? initialGuardState,
      step: saved?.progress.step ?? 0,
    });
  }

  async run(): Promise<{ parameters: TensorSet; steps: number }> {
    const { job, io, stateFolder } = this.training;
    const { settings } = job;
    if (this.step === 0 && this.guard.baseline === null) await this.checkHealth();
    while (this.step < settings.steps) {
      if (io.signal.aborted) {
        await this.save();
        io.signal.throwIfAborted();
      }
      const started = performance.now();
      const report = await eraseDiffStep(this.algorithm, await this.stepBatches(), settings);
      this.step += 1;
      this.stepSeconds.push((performance.now() - started) / 1000);
      this.report(report);
      const interval = Math.max(1, Math.round(settings.steps / healthChecks));
      const isCheckDue = this.step % interval === 0 || this.step === settings.steps;
      if (isCheckDue && (await this.checkHealth()) === 'collapsed') {
        const { healthyStep } = this.guard;
        io.onEvent({
          event: 'notice',
          message: `Training began to destroy the model and was stopped at step ${this.step}: the loss on kept prompts rose above 1.5 times the original's. The model of step ${healthyStep} is used.`,
        });
        return { parameters: await readHealthy(stateFolder), steps: healthyStep };
      }
      if (this.isSaveDue()) await this.save();
    }
    return { parameters: this.algorithm.parameters, steps: this.step };
  }

  async release(): Promise<void> {
    const { outer, inner, accumulator, innerProducts, workspace } = this.algorithm;
    for (const tool of [outer, inner, accumulator, innerProducts]) await tool.release();
    for (const set of [workspace.first, workspace.second, workspace.third]) set.dispose();
  }

  private async stepBatches() {
    const { innerSteps, accumulation } = this.training.job.settings;
    const { batches, step } = this;
    const retain: RetainBatch[] = [];
    for (const index of range(accumulation)) {
      retain.push(await this.retainBatch('retain', step * accumulation + index));
    }
    return {
      inner: range(innerSteps).map((k) => batches.forgetBatch('inner', step * innerSteps + k)),
      forget: range(accumulation).map((i) =>
        batches.forgetBatch('forget', step * accumulation + i),
      ),
      retain,
    };
  }

  /** A batch to keep, its target the added noise or what the original model predicts. */
  private async retainBatch(role: 'retain' | 'validation', index: number): Promise<RetainBatch> {
    const batch = this.batches.retainBatch(role, index);
    const { unet, job, original } = this.training;
    if (job.settings.retainTarget === 'noise') return batch;
    return { ...batch, target: await takeElements(await unet.predict(original, batch)) };
  }

  private report(report: StepReport): void {
    const { steps } = this.training.job.settings;
    const recent = this.stepSeconds.slice(-20);
    const secondsPerStep = recent.reduce((sum, seconds) => sum + seconds, 0) / recent.length;
    this.training.io.onEvent({
      event: 'progress',
      step: this.step,
      steps,
      retainLoss: report.retainLoss,
      forgetLoss: report.forgetLoss,
      gap: report.gap,
      lambda: report.lambda,
      retainGradientNorm: report.retainGradientNorm,
      forgetGradientNorm: report.forgetGradientNorm,
      secondsPerStep,
      etaSeconds: secondsPerStep * (steps - this.step),
    });
  }

  /** Measures the loss on kept pictures and remembers the parameters while it is good. */
  private async checkHealth() {
    const { unet, stateFolder } = this.training;
    const { parameters } = this.algorithm;
    let sum = 0;
    for (const index of range(validationBatches)) {
      const batch = this.batches.retainBatch('validation', index);
      sum += await unet.loss(parameters, batch, unet.target(batch.target));
    }
    const { verdict, state } = judge(this.guard, sum / validationBatches, this.step);
    this.guard = state;
    if (verdict === 'healthy') await writeHealthy(stateFolder, parameters);
    return verdict;
  }

  private isSaveDue(): boolean {
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

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
