import type { Adaptation } from '../adapters/adapter.ts';
import { asDrawn } from '../drawing/drawing.ts';
import { elementAt } from '../element-at.ts';
import { type Checkpoint, latentSize } from '../families/checkpoint.ts';
import type { TrainingJob } from '../erase/job.ts';
import { type PictureShape, sharesOf } from '../erase/picture-shapes.ts';
import type { RunIo } from '../erase/run-io.ts';
import type { SampleFolder } from '../erase/sample-folder.ts';
import { AppError } from '../errors.ts';
import { likelyPrecision } from '../methods/choose-precision.ts';
import type { StepFigures, Trainer, TrainingMethod } from '../methods/method.ts';
import type { EraseSettings } from '../methods/registry.ts';
import type { UnetSession } from '../pipeline/unet-session.ts';
import type { TensorSet } from '../runtime/tensor-set.ts';
import type { Remedy } from '../remedy.ts';
import { BatchSource } from './batch-source.ts';
import { initialGuardState } from './collapse-guard.ts';
import type { Dataset } from './dataset.ts';
import { HealthCheck } from './health-check.ts';
import { Previews } from './previews.ts';
import { readHealthy, writeRunState, type HealthyState, type RunState } from './run-state.ts';
import type { SizeShare } from './size-turns.ts';
import { SaveSchedule } from './save-schedule.ts';

const lostLoss = 'the loss left the range of numbers';
const risenLoss = "the loss on kept prompts rose far above the original's";
const ruinedPictures = 'the pictures of kept prompts became flat, glaring or all alike';

/** What a run trains with. */
export interface Training {
  readonly checkpoint: Checkpoint;
  readonly job: TrainingJob;
  readonly unet: UnetSession;
  /** What θ is. */
  readonly adaptation: Adaptation;
  /** θ, trained in place: the saved ones, or the original's. */
  readonly parameters: TensorSet;
  readonly saved: RunState | null;
  readonly dataset: Dataset;
  readonly stateFolder: string;
  readonly samples: SampleFolder;
  readonly io: RunIo;
}

/** The parameters that a run ends with, and how many steps made them. */
export interface Trained {
  readonly parameters: TensorSet;
  readonly steps: number;
}

/**
 * Trains from the saved state, or from the original, to the last step.
 *
 * @throws the signal's reason once the state is saved; AppError `training.collapsed`, `device.*`
 */
export async function train(
  training: Training,
  method: TrainingMethod<EraseSettings>,
): Promise<Trained> {
  training.io.onEvent({ event: 'phase', phase: 'train' });
  const { checkpoint, job, unet, adaptation, dataset, parameters, saved } = training;
  const { settings, device, threads } = job;
  const batches = new BatchSource(dataset, {
    seed: settings.seed,
    batch: settings.batch,
    process: checkpoint.process,
    ...(job.shapes.length > 0 && { sizes: sizesOf(checkpoint, job.shapes) }),
  });
  const retain = job.retain.map((prompt) => asDrawn(prompt, settings));
  const trainer = await method.open({
    ...{ settings, checkpoint, model: unet, adaptation, parameters, batches, device, threads },
    prompts: { forget: dataset.anchors, retain, encoded: dataset.prompts },
    saved: saved && { step: saved.progress.step, sets: saved.sets },
  });
  try {
    const keeps = method.pictures.includes('retain');
    return await new TrainingLoop(training, trainer, keeps ? batches : null).run();
  } finally {
    await trainer.release();
  }
}

function sizesOf(checkpoint: Checkpoint, shapes: readonly PictureShape[]): SizeShare[] {
  const shares = sharesOf(shapes);
  return shapes.map((shape, i) => ({
    size: latentSize(checkpoint, shape),
    share: elementAt(shares, i),
  }));
}

/** One step after another, whatever the method; and what is watched, kept and told beside them. */
class TrainingLoop {
  private readonly training: Training;
  private readonly trainer: Trainer;
  private readonly previews: Previews;
  /** Null for a method without pictures to keep. */
  private readonly health: HealthCheck | null;
  private readonly saves: SaveSchedule;
  private step: number;
  private readonly stepSeconds: number[] = [];

  /** @param batches of what is kept; null where nothing is */
  constructor(training: Training, trainer: Trainer, batches: BatchSource | null) {
    const { job, saved, unet, stateFolder, io } = training;
    const { steps, saveEvery } = job.settings;
    this.training = training;
    this.trainer = trainer;
    this.step = saved?.progress.step ?? 0;
    this.previews = new Previews({ ...training, signal: io.signal });
    this.health =
      batches &&
      new HealthCheck(
        { model: unet, batches, stateFolder, steps },
        saved?.progress.guard ?? initialGuardState,
      );
    this.saves = new SaveSchedule(saveEvery);
  }

  async run(): Promise<Trained> {
    const { job, io, parameters } = this.training;
    const { steps } = job.settings;
    for (;;) {
      if (io.signal.aborted) {
        await this.save();
        io.signal.throwIfAborted();
      }
      // Pictures first: what they speak against is not kept as good.
      if ((await this.preview()) === 'ruined') return this.fallBack(ruinedPictures);
      const verdict = await this.health?.check(parameters, this.step);
      if (verdict === 'collapsed') return this.fallBack(risenLoss);
      if (this.step === steps) return { parameters, steps };
      const started = performance.now();
      const figures = await this.trainer.step(this.step);
      this.step += 1;
      this.stepSeconds.push((performance.now() - started) / 1000);
      this.report(figures);
      if (!this.health && isLost(figures)) return this.fallBack(lostLoss);
      // Whatever happens once the training is done, it is not done again.
      if (this.step === steps || this.saves.isDue(this.step)) await this.save();
    }
  }

  /** Draws the pictures that are due now. */
  private async preview(): Promise<'good' | 'ruined'> {
    const { previews, step } = this;
    const { job, io, parameters } = this.training;
    if (!previews.isDue(step)) return 'good';
    const which = step === 0 ? 'before' : step < job.settings.steps ? 'during' : 'after';
    try {
      return await previews.show(which, step, parameters);
    } catch (error) {
      if (io.signal.aborted) await this.save();
      throw error;
    }
  }

  /** Ends a run that destroys the model with the last parameters that were in good health. */
  private async fallBack(reason: string): Promise<Trained> {
    const { io, stateFolder, job } = this.training;
    const why = `Training began to destroy the model and was stopped at step ${this.step}: ${reason}.`;
    const healthy = await readHealthy(stateFolder);
    if (!healthy || !(await this.drawsWell(healthy))) {
      throw new AppError(
        'training.collapsed',
        `${why} No step before was in good health, so no model was written.`,
        {
          remedy: {
            advice: `Start again with a smaller learning rate than ${job.settings.learningRate},`,
            settings: [{ setting: 'learningRate' }, ...mayRound(job)],
          },
        },
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

  private report(figures: StepFigures): void {
    const { steps } = this.training.job.settings;
    const recent = this.stepSeconds.slice(-20);
    const secondsPerStep = recent.reduce((sum, seconds) => sum + seconds, 0) / recent.length;
    this.training.io.onEvent({
      event: 'progress',
      step: this.step,
      steps,
      retainLoss: finite(figures.retainLoss),
      forgetLoss: finite(figures.forgetLoss),
      gap: finite(figures.gap),
      lambda: finite(figures.lambda),
      retainGradientNorm: finite(figures.retainGradientNorm),
      forgetGradientNorm: finite(figures.forgetGradientNorm),
      secondsPerStep,
      etaSeconds: secondsPerStep * (steps - this.step) + this.previews.secondsLeft(this.step),
    });
  }

  private async save(): Promise<void> {
    const { stateFolder, parameters } = this.training;
    const state: RunState = {
      parameters,
      sets: this.trainer.state(),
      progress: { step: this.step, guard: this.health?.guard ?? initialGuardState },
    };
    await this.saves.run(() => writeRunState(stateFolder, state));
  }
}

/** Whether a loss is no number any more. */
function isLost({ retainLoss, forgetLoss }: StepFigures): boolean {
  return [retainLoss, forgetLoss].some((loss) => loss !== null && !Number.isFinite(loss));
}

/** JSON knows no other numbers. */
function finite(value: number | null): number | null {
  return value !== null && Number.isFinite(value) ? value : null;
}

/** What 16-bit floats may have done: some models' values do not fit into them. */
function mayRound({ device, settings: { computePrecision } }: TrainingJob): Remedy['settings'] {
  return likelyPrecision(computePrecision, device) === 'float32'
    ? []
    : [{ setting: 'computePrecision', value: 'float32' }];
}
