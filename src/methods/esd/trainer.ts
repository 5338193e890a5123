import { Optimizer } from '../../descent/optimizer.ts';
import { Original } from '../../descent/original.ts';
import { drawnStrength, partOfTheWay } from '../../descent/strength.ts';
import { restoredState } from '../../descent/restored-state.ts';
import type { DenoisingBatch } from '../../descent/trainable-model.ts';
import { elementAt } from '../../element-at.ts';
import type { EncodedPrompt } from '../../families/encoded-prompt.ts';
import { TensorSet } from '../../runtime/tensor-set.ts';
import { createGenerator, seedFor } from '../../tensor/random.ts';
import { elementCount } from '../../tensor/shape.ts';
import { fewSteps } from '../default-settings.ts';
import type { StepFigures, Trainer, TrainerContext } from '../method.ts';
import { drawUnfinished } from './partial-sampling.ts';
import type { EsdSettings } from './settings.ts';
import { esdStep, esdTarget, type EsdTools } from './step.ts';

/** Trains by ESD. */
export async function openEsd(context: TrainerContext<EsdSettings>): Promise<Trainer> {
  const { settings, adaptation, model, parameters, saved, device, threads } = context;
  const specs = adaptation.parameters;
  const optimizer = await Optimizer.create(specs, settings.optimizer, {
    ...{ device, threads, terms: 1 },
  });
  const tools: EsdTools = {
    model,
    parameters,
    optimizer,
    state: saved ? restoredState(settings.optimizer, saved) : optimizer.freshState(),
    // In device memory tensors are replaced, so that a set needs none beforehand.
    gradient: device === 'webgpu' ? new TensorSet() : TensorSet.zeros(specs),
  };
  return new EsdTrainer(context, tools, await Original.open(adaptation));
}

class EsdTrainer implements Trainer {
  private readonly context: TrainerContext<EsdSettings>;
  private readonly tools: EsdTools;
  private readonly original: Original;

  constructor(context: TrainerContext<EsdSettings>, tools: EsdTools, original: Original) {
    this.context = context;
    this.tools = tools;
    this.original = original;
  }

  async step(index: number): Promise<StepFigures> {
    const { learningRate, negativeGuidance } = this.context.settings;
    const { batch, unconditional } = await this.drawBatch(index);
    const { model, parameters, gradient } = this.tools;
    const predictions = await this.original.predict(
      model,
      [batch, { ...batch, prompts: unconditional }],
      { parameters, spare: gradient },
    );
    const asked = {
      conditional: elementAt(predictions, 0),
      unconditional: elementAt(predictions, 1),
    };
    const whole = esdTarget(asked, negativeGuidance);
    const target = partOfTheWay(asked.conditional, whole, batch.strength ?? 1);
    const forgetLoss = await esdStep(this.tools, batch, { target, learningRate });
    const norms = { retainGradientNorm: null, forgetGradientNorm: null };
    const cosines = { retainCosine: null, forgetCosine: null };
    return { retainLoss: null, forgetLoss, gap: null, lambda: null, ...norms, ...cosines };
  }

  state() {
    return this.tools.state.moments;
  }

  async release(): Promise<void> {
    const { optimizer, gradient } = this.tools;
    await optimizer.release();
    gradient.dispose();
    this.original.release();
  }

  /** The next prompts, each with a picture that the model as it is now has drawn in part. */
  private async drawBatch(
    index: number,
  ): Promise<{ batch: DenoisingBatch; unconditional: readonly EncodedPrompt[] }> {
    const { model, adaptation, batches, prompts: job, settings } = this.context;
    const { seed, process } = batches.settings;
    const generator = createGenerator(seedFor(seed, 'esd', index));
    const stop = elementAt(generator.randomIntegers(1, 0, settings.samplingSteps), 0);
    const prompts = batches.encoded(batches.pick('esd', index, [...job.forget.keys()]));
    const unconditional = batches.encoded(prompts.map(() => ''));
    const negative = batches.encoded(prompts.map(() => settings.negative));
    const { latents, timestep } = await drawUnfinished(model, this.tools.parameters, {
      noise: generator.randn(elementCount(model.latentShape)),
      ...{ prompts, unconditional: negative, guidanceScale: settings.startGuidance },
      // Distilled models are drawn as they were distilled.
      ...(fewSteps(settings) !== undefined && { sampler: settings.drawSampler }),
      ...{ steps: settings.samplingSteps, stop, process },
    });
    const timesteps = prompts.map(() => timestep);
    const strength = drawnStrength(adaptation, { seed, role: 'esd', place: index });
    const batch = { noisyLatents: latents, timesteps, prompts, ...(strength && { strength }) };
    return { batch, unconditional };
  }
}
