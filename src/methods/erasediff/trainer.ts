import { Descent } from '../../descent/descent.ts';
import type { Optimizer } from '../../descent/optimizer.ts';
import { withStrength } from '../../descent/strength.ts';
import type { SteeredBatch } from '../../descent/steering.ts';
import type { DenoisingBatch } from '../../descent/trainable-model.ts';
import { linearCombination } from '../../diffusion/linear-combination.ts';
import type { StepFigures, Trainer, TrainerContext } from '../method.ts';
import { forgetBatch } from './batches.ts';
import { type BatchPlace as Place, placesOfStep } from '../../training/batch-source.ts';
import { type EraseDiffSettings, innerLoopOf } from './settings.ts';
import { type EraseDiff, eraseDiffStep, type StepBatches } from './step.ts';

/** Trains by EraseDiff. */
export async function openEraseDiff(context: TrainerContext<EraseDiffSettings>): Promise<Trainer> {
  const descent = await Descent.open(context);
  const inner = innerLoopOf(context.settings);
  const optimizer = inner && (await descent.openOptimizer(inner.optimizer));
  return new EraseDiffTrainer(context, descent, optimizer);
}

class EraseDiffTrainer implements Trainer {
  private readonly context: TrainerContext<EraseDiffSettings>;
  private readonly descent: Descent;
  /** Null where no inner steps are taken. */
  private readonly inner: Optimizer | null;
  private readonly algorithm: EraseDiff;

  constructor(
    context: TrainerContext<EraseDiffSettings>,
    descent: Descent,
    innerOptimizer: Optimizer | null,
  ) {
    this.context = context;
    this.descent = descent;
    this.inner = innerOptimizer;
    // Without an inner loop any optimizer will do: the accumulator is there, and has no moments.
    const inner = innerOptimizer ?? descent.tools.accumulator;
    this.algorithm = { ...descent.tools, inner, innerState: inner.freshState() };
  }

  async step(index: number): Promise<StepFigures> {
    const { settings } = this.context;
    const inner = innerLoopOf(settings);
    return eraseDiffStep(this.algorithm, await this.drawBatches(index), {
      ...settings,
      innerLearningRate: inner?.learningRate ?? settings.learningRate,
    });
  }

  state() {
    return this.descent.state();
  }

  result() {
    return this.descent.result;
  }

  async release(): Promise<void> {
    await this.inner?.release();
    for (const set of this.algorithm.innerState.moments.values()) set.dispose();
    await this.descent.release();
  }

  private async drawBatches(index: number): Promise<StepBatches> {
    const { batches, settings, adaptation, prompts } = this.context;
    const { accumulation, seed } = settings;
    const innerSteps = innerLoopOf(settings)?.steps ?? 0;
    const forgetting = (role: 'inner' | 'forget', place: Place) =>
      withStrength(adaptation, forgetBatch(batches, settings, prompts.retain, { role, ...place }), {
        seed,
        role,
        place: place.index,
      });
    return this.withOriginal({
      inner: placesOfStep(index, innerSteps).map((place) => forgetting('inner', place)),
      forget: placesOfStep(index, accumulation).map((place) => forgetting('forget', place)),
      retain: placesOfStep(index, accumulation).map((place) =>
        withStrength(adaptation, batches.retainBatch('retain', place), {
          ...{ seed, role: 'retain', place: place.index },
        }),
      ),
    });
  }

  /**
   * The batches with the targets that the original predicts, where the settings ask it: under the
   * anchor, and past it as ESD does it (Gandikota et al. 2023, eq. 7, with an anchor in place of the
   * empty prompt), ε₀(x, a) + η(ε₀(x, a) − ε₀(x, c)).
   */
  private async withOriginal({ inner, forget, retain }: StepBatches): Promise<StepBatches> {
    const { settings, adaptation } = this.context;
    const { target, retainTarget } = settings;
    const eta = target.kind === 'original' ? target.overshoot : 0;
    const steered = [...inner, ...forget];
    const [anchored = [], forgotten = [], kept = []] = await this.askOriginal([
      target.kind === 'original' ? steered.map(underAnchor) : [],
      eta > 0 || adaptation.strength !== null ? steered : [],
      retainTarget === 'original' ? retain : [],
    ]);
    const steer = (batch: SteeredBatch, i: number): SteeredBatch => {
      const [under, original] = [anchored[i], forgotten[i]];
      const asked = original ? { ...batch, original } : batch;
      if (!under) return asked;
      const values = original ? overshot(under, original, { eta, isHeld: batch.isHeld }) : under;
      return { ...asked, steerTo: { kind: 'values', values } };
    };
    return {
      inner: inner.map(steer),
      forget: forget.map((batch, i) => steer(batch, inner.length + i)),
      retain: retain.map((batch, i) => ({ ...batch, target: kept[i] ?? batch.target })),
    };
  }

  /** What the original predicts for each group of batches; at once, as it may be read from the disk. */
  private async askOriginal(groups: readonly (readonly DenoisingBatch[])[]) {
    const asked = groups.flat();
    const predictions = asked.length === 0 ? [] : await this.descent.predictOriginal(asked);
    return groups.map(({ length }) => predictions.splice(0, length));
  }
}

/** A batch to forget as its anchors see it. */
function underAnchor(batch: SteeredBatch): DenoisingBatch {
  return batch.steerTo.kind === 'anchor' ? { ...batch, ...batch.steerTo } : batch;
}

/** (1 + η)·under − η·original, but for rows that are held: these stop at what they are steered to. */
function overshot(
  under: Float32Array,
  original: Float32Array,
  { eta, isHeld = [] }: { readonly eta: number; readonly isHeld?: readonly boolean[] | undefined },
): Float32Array {
  const whole = linearCombination(1 + eta, under, -eta, original);
  if (!isHeld.includes(true)) return whole;
  const size = under.length / isHeld.length;
  return whole.map((value, i) =>
    isHeld[Math.floor(i / size)] === true ? (under[i] ?? Number.NaN) : value,
  );
}
