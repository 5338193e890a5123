import type { Adaptation } from '../adapters/adapter.ts';
import { asDrawn } from '../drawing/drawing.ts';
import { elementAt } from '../element-at.ts';
import type { Role } from '../evaluation/figure.ts';
import { type Checkpoint, latentSize } from '../families/checkpoint.ts';
import { isSameSize } from '../families/latent-sizes.ts';
import type { ConceptSighting, EraseEvent } from '../erase/events.ts';
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
import { endsWhenGone, ForgettingCheck, isGone, type Sighting } from './forgetting-check.ts';
import { HealthCheck } from './health-check.ts';
import { Previews } from './previews.ts';
import { readHealthy, writeRunState, type HealthyState, type RunState } from './run-state.ts';
import type { SizeShare } from './size-turns.ts';
import { SaveSchedule } from './save-schedule.ts';
import { initialEndState, totalOf } from './when-gone.ts';

const lostLoss = 'the loss left the range of numbers';
const risenLoss = "the loss on kept prompts rose far above the original's";
const ruinedPictures = 'the pictures of kept prompts became flat, glaring or all alike';

const unwatched = { guard: initialGuardState, end: initialEndState };

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
    ...(job.shapes.length > 0 && { sizes: sizesOf(dataset, checkpoint, job.shapes) }),
    concepts: job.concepts.map(({ prompts }) => prompts.map((prompt) => asDrawn(prompt, settings))),
    holds: method.steersToAnchors(settings),
  });
  batches.hold(saved?.progress.end.gone ?? []);
  const retain = job.retain.map((prompt) => asDrawn(prompt, settings));
  const trainer = await method.open({
    ...{ settings, checkpoint, model: unet, adaptation, parameters, batches, device, threads },
    prompts: { forget: dataset.anchors, retain, encoded: dataset.prompts },
    saved: saved && { step: saved.progress.step, sets: saved.sets },
  });
  try {
    const keeps = method.pictures.includes('retain');
    const forgetting = endsWhenGone(settings)
      ? new ForgettingCheck({
          ...{ checkpoint, job, unet, adaptation, retain, encoded: dataset.prompts },
          ...{ forget: dataset.anchors, signal: training.io.signal },
        })
      : null;
    const watched = keeps ? { batches, forgetting } : null;
    return await new TrainingLoop(training, trainer, watched).run();
  } finally {
    await trainer.release();
  }
}

/**
 * Pictures to forget are of their own sizes alone: in others the model does not know them, and unlearning them
 * there harms it. Pictures to keep are of all sizes that are trained.
 */
function sizesOf(
  { forget }: Dataset,
  checkpoint: Checkpoint,
  shapes: readonly PictureShape[],
): Record<Role, SizeShare[]> {
  const steps = sharesOf(shapes);
  const sizes = shapes.map((shape) => latentSize(checkpoint, shape));
  const own = sizes.map((size) => forget.filter((item) => isSameSize(item.size, size)).length);
  return {
    forget: sizes.map((size, i) => ({
      size,
      share: elementAt(own, i) / Math.max(1, forget.length),
    })),
    retain: sizes.map((size, i) => ({ size, share: elementAt(steps, i) })),
  };
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

  /** @param watched the batches of what is kept; null where nothing is */
  constructor(
    training: Training,
    trainer: Trainer,
    watched: { readonly batches: BatchSource; readonly forgetting: ForgettingCheck | null } | null,
  ) {
    const { job, saved, unet, stateFolder, io } = training;
    const { steps, saveEvery } = job.settings;
    this.training = training;
    this.trainer = trainer;
    this.step = saved?.progress.step ?? 0;
    this.previews = new Previews({ ...training, signal: io.signal });
    this.health =
      watched &&
      new HealthCheck(
        {
          ...{ model: unet, stateFolder, steps, ...watched },
          onFinding: ({ step, sightings, rise }) => {
            const concepts = conceptSightings(job.concepts, sightings);
            io.onEvent({
              ...{ event: 'judged', step, ...totalOf(sightings), rise },
              ...(concepts.length > 0 && { concepts }),
            });
          },
        },
        saved?.progress ?? unwatched,
      );
    this.saves = new SaveSchedule(saveEvery);
  }

  async run(): Promise<Trained> {
    const { job, io } = this.training;
    const { steps } = job.settings;
    for (;;) {
      if (io.signal.aborted) {
        await this.save();
        io.signal.throwIfAborted();
      }
      // Pictures first: what they speak against is not kept as good.
      if ((await this.preview()) === 'ruined') return this.fallBack(ruinedPictures);
      const verdict = await this.orSaved(() => this.health?.check(this.result, this.step));
      if (verdict === 'collapsed') return this.fallBack(risenLoss);
      if (verdict === 'gone' || this.step === steps) return this.end(verdict === 'gone');
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
    const { job } = this.training;
    if (!previews.isDue(step)) return 'good';
    const isLast = step === job.settings.steps && !endsWhenGone(job.settings);
    const which = step === 0 ? 'before' : isLast ? 'after' : 'during';
    return this.orSaved(() => previews.show(which, step, this.result));
  }

  /** What draws between two steps: cancelled in the midst of it, the run saves where it stands. */
  private async orSaved<T>(draw: () => T): Promise<Awaited<T>> {
    try {
      return await draw();
    } catch (error) {
      if (this.training.io.signal.aborted) await this.save();
      throw error;
    }
  }

  /** Ends a run that went well: with the state that was the best, where that was looked for. */
  private async end(isGone: boolean): Promise<Trained> {
    const { job, io, stateFolder } = this.training;
    const { settings } = job;
    const parameters = this.result;
    const best = this.health?.state.end.best ?? null;
    if (!endsWhenGone(settings)) return { parameters, steps: this.step };
    const kept = best === null || best.step === this.step ? null : await readHealthy(stateFolder);
    const result = kept ?? { parameters, step: this.step };
    if (settings.sampleEvery > 0) {
      await this.orSaved(() => this.previews.show('after', result.step, result.parameters));
    }
    io.onEvent(endOf({ step: result.step, of: this.step, isGone, isJudged: best !== null }));
    return { parameters: result.parameters, steps: result.step };
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

  /** What the result would be made of now. */
  private get result(): TensorSet {
    return this.trainer.result?.() ?? this.training.parameters;
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
      retainCosine: finite(figures.retainCosine),
      forgetCosine: finite(figures.forgetCosine),
      secondsPerStep,
      etaSeconds: secondsPerStep * (steps - this.step) + this.previews.secondsLeft(this.step),
    });
  }

  private async save(): Promise<void> {
    const { stateFolder, parameters } = this.training;
    const state: RunState = {
      parameters,
      sets: this.trainer.state(),
      progress: { step: this.step, ...(this.health?.state ?? unwatched) },
    };
    await this.saves.run(() => writeRunState(stateFolder, state));
  }
}

/** What a check saw of each of several concepts, by its name; none of one that cannot be told. */
function conceptSightings(
  concepts: TrainingJob['concepts'],
  sightings: readonly (Sighting | null)[],
): ConceptSighting[] {
  return concepts.flatMap(({ name }, i) => {
    const sighting = sightings[i];
    if (!sighting) return [];
    const { shown, pictures } = sighting;
    return [{ name, shown, pictures, isGone: isGone(sighting) }];
  });
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

/** Why a run ended where it did, to a person. */
function endOf(end: {
  /** Of the result; */
  readonly step: number;
  /** steps that were taken. */
  readonly of: number;
  readonly isGone: boolean;
  readonly isJudged: boolean;
}): EraseEvent {
  const { step, of, isGone, isJudged } = end;
  if (!isJudged) {
    const message =
      'The original hardly tells the forgotten prompts from what they are steered to, so whether they are gone could not be told: all steps were taken.';
    return { event: 'notice', message };
  }
  const why = isGone
    ? `The concept is gone, and more steps made nothing better: training ended at step ${of}.`
    : `All ${of} steps were taken.`;
  const result = `The model of step ${step} is used, the best by what is forgotten and kept.`;
  return { event: 'note', message: `${why} ${result}` };
}
