import { Descent } from '../../descent/descent.ts';
import {
  addGradients,
  type OuterTools,
  type StepReport,
  takeOuterStep,
} from '../../descent/outer-step.ts';
import type { TargetedBatch } from '../../descent/trainable-model.ts';
import { releaseTensor } from '../../runtime/tensor.ts';
import type { TensorSet } from '../../runtime/tensor-set.ts';
import { placesOfStep } from '../../training/batch-source.ts';
import type { Trainer, TrainerContext } from '../method.ts';
import type { VduSettings } from './settings.ts';

/** Trains by VDU. */
export async function openVdu(
  context: TrainerContext<VduSettings & { readonly retainTarget: 'noise' }>,
): Promise<Trainer> {
  const { batches, settings, adaptation } = context;
  const descent = await Descent.open(context);
  const start = await adaptation.initial();
  const trainer = descent.trainer(async (index) => {
    const places = placesOfStep(index, settings.accumulation);
    const forget = places.map((place) => batches.denoisingBatch('forget', place, 'forget'));
    return vduStep(descent.tools, { forget, start }, settings);
  });
  return {
    ...trainer,
    async release() {
      start.dispose();
      await trainer.release();
    },
  };
}

/** How far a step of VDU goes up, and how much it is held. */
export type VduStepSettings = Pick<VduSettings, 'learningRate' | 'clipNorm' | 'stability'>;

/**
 * One step of VDU: θ ← θ − lr·(−∇L_f + w(θ − θ₀)), the sum clipped. −L_f, the denoising loss of what is forgotten,
 * stands for its log-likelihood (the paper's plasticity inducer); ½w|θ − θ₀|² is its stability regulariser with
 * one variance for all weights.
 *
 * @param start θ₀
 * @returns as `retainLoss` ½w|θ − θ₀|²
 */
export async function vduStep(
  run: OuterTools,
  { forget, start }: { readonly forget: readonly TargetedBatch[]; readonly start: TensorSet },
  { stability, ...settings }: VduStepSettings,
): Promise<Omit<StepReport, 'innerLosses' | 'lambda'> & { readonly lambda: null }> {
  const { model, parameters, accumulator, workspace } = run;
  const parts = forget.map((batch) => ({
    ...{ batch, target: model.target(batch.target, batch), scale: 1 / forget.length },
  }));
  const { losses, ...ascent } = await addGradients(run, parts, workspace.first);
  for (const { target } of parts) releaseTensor(target);
  const moved = workspace.second;
  await accumulator.step({ from: parameters, to: moved }, [{ weight: 1, gradient: start }], {
    ...{ state: accumulator.freshState(), learningRate: 1 },
  });
  const step = await takeOuterStep(
    run,
    { retain: { gradient: moved, weight: stability }, forget: ascent, gap: null },
    { ...settings, lambda: () => -1 },
  );
  return {
    ...step,
    forgetLoss: losses.reduce((sum, loss) => sum + loss, 0) / losses.length,
    retainLoss: stability === 0 ? 0 : step.retainGradientNorm ** 2 / (2 * stability),
    lambda: null,
  };
}
