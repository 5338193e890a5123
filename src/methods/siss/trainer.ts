import { elementAt } from '../../element-at.ts';
import { requireEncoded } from '../../families/encoded-prompt.ts';
import { Descent } from '../../descent/descent.ts';
import type { StepFigures, Trainer, TrainerContext } from '../method.ts';
import { mixtureBatch } from './batches.ts';
import { holdToOriginal } from './mixture.ts';
import type { SissSettings } from './settings.ts';
import { countsFor, forgetLossOf, type MixtureBatch, sissStep } from './step.ts';

/** Trains by SISS. */
export async function openSiss(context: TrainerContext<SissSettings>): Promise<Trainer> {
  return new SissTrainer(context, await Descent.open(context));
}

/**
 * A model is better at a picture that it knows by heart if it has the caption (Wen et al., ICLR 2024, tell
 * memorised pictures by that), but knows it without one too. With pictures of mixed shapes that tiny-sd had
 * learnt by heart in 500 steps, what it drew for their captions was .12 away from them, .26 before it knew
 * them, and after pushing up to so many times its loss: 1 .20, 2 .22, 4 .26; .33 if pushed at each step,
 * which cost .05 of the kept styles (`npm run bench:pictures -- --mixed`, which takes 330 steps now).
 */
const TIMES_UNKNOWN = 4;

class SissTrainer implements Trainer {
  private readonly context: TrainerContext<SissSettings>;
  private readonly descent: Descent;

  constructor(context: TrainerContext<SissSettings>, descent: Descent) {
    this.context = context;
    this.descent = descent;
  }

  async step(index: number): Promise<StepFigures> {
    const batches = await this.drawBatches(index);
    const unknownLoss = await this.unknownLoss(batches);
    return sissStep(this.descent.tools, batches, { ...this.context.settings, unknownLoss });
  }

  /**
   * The forget loss from which on the step's pictures are unknown: so many times that of the original without
   * their captions. Infinity where pictures are pushed away at each step, and where they have no captions.
   */
  private async unknownLoss(batches: readonly MixtureBatch[]): Promise<number> {
    const { settings, prompts } = this.context;
    if (settings.push === 'always') return Infinity;
    const empty = requireEncoded(prompts.encoded, '');
    const forgotten = batches.filter((batch) => countsFor('forget', batch));
    if (forgotten.some((batch) => batch.prompts.every((prompt) => prompt === empty)))
      return Infinity;
    const predictions = await this.descent.predictOriginal(
      forgotten.map((batch) => ({ ...batch, prompts: batch.prompts.map(() => empty) })),
    );
    const loss = forgetLossOf(
      batches,
      new Map(forgotten.map((batch, i) => [batch, elementAt(predictions, i)])),
    );
    return TIMES_UNKNOWN * loss;
  }

  state() {
    return this.descent.state();
  }

  result() {
    return this.descent.result;
  }

  async release(): Promise<void> {
    await this.descent.release();
  }

  private async drawBatches(index: number): Promise<MixtureBatch[]> {
    const { batches, settings } = this.context;
    const { accumulation } = settings;
    const drawn = Array.from({ length: accumulation }, (_, i) =>
      mixtureBatch(batches, settings, index * accumulation + i),
    );
    if (settings.retainTarget === 'noise') return drawn.map(({ batch }) => batch);
    const predictions = await this.descent.predictOriginal(drawn.map(({ batch }) => batch));
    return drawn.map(({ batch, isForgotten }, i) =>
      holdToOriginal(batch, elementAt(predictions, i), isForgotten),
    );
  }
}
