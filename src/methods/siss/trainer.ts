import { elementAt } from '../../element-at.ts';
import { Descent } from '../../descent/descent.ts';
import type { StepFigures, Trainer, TrainerContext } from '../method.ts';
import { mixtureBatch } from './batches.ts';
import { holdToOriginal } from './mixture.ts';
import type { SissSettings } from './settings.ts';
import { type MixtureBatch, sissStep } from './step.ts';

/** Trains by SISS. */
export async function openSiss(context: TrainerContext<SissSettings>): Promise<Trainer> {
  return new SissTrainer(context, await Descent.open(context));
}

class SissTrainer implements Trainer {
  private readonly context: TrainerContext<SissSettings>;
  private readonly descent: Descent;

  constructor(context: TrainerContext<SissSettings>, descent: Descent) {
    this.context = context;
    this.descent = descent;
  }

  async step(index: number): Promise<StepFigures> {
    return sissStep(this.descent.tools, await this.drawBatches(index), this.context.settings);
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
