import type { Adaptation } from '../adapters/adapter.ts';
import type { OptimizerSettings } from '../optim/update-rule.ts';
import { elementAt } from '../element-at.ts';
import type { Device } from '../runtime/device.ts';
import { TensorSet } from '../runtime/tensor-set.ts';
import { asksOriginal, averageName, type DescentSettings, maskName } from './descent-cost.ts';
import { InnerProducts, Optimizer } from './optimizer.ts';
import { restoredState } from './restored-state.ts';
import { Original } from './original.ts';
import type { OuterTools } from './outer-step.ts';
import { saliencyMask } from './saliency.ts';
import type { DenoisingBatch, TargetedBatch, TrainableModel } from './trainable-model.ts';
import { WeightAverage } from './weight-average.ts';

/** What a descent is opened with. */
export interface DescentContext {
  readonly settings: DescentSettings;
  /** What θ is, and what it is of the original. */
  readonly adaptation: Adaptation;
  readonly model: TrainableModel;
  /** θ, which the steps change in place. */
  readonly parameters: TensorSet;
  /** Steps done and the optimizer's moments after them; null before the first. */
  readonly saved: {
    readonly step: number;
    readonly sets: ReadonlyMap<string, TensorSet>;
  } | null;
  readonly batches: ForgottenPictures;
  readonly device: Device;
  readonly threads: number;
}

/** Where the pictures are that a mask is made by. */
export interface ForgottenPictures {
  /** Those to forget, noised, each about once. */
  forgotten(): Iterable<TargetedBatch>;
}

/** The mask of a run whose settings have one: as it was saved, or made by the original's gradient. */
async function openMask(
  { settings: { saliency = null }, saved, batches, ...context }: DescentContext,
  tools: Pick<OuterTools, 'accumulator' | 'workspace'>,
): Promise<TensorSet | null> {
  if (saliency === null) return null;
  if (!saved) return saliencyMask({ ...context, ...tools }, batches.forgotten(), saliency);
  const mask = saved.sets.get(maskName);
  if (!mask) throw new RangeError('the saved state lacks the mask');
  return mask;
}

/** The mean of θ of a run whose settings have one: as it was saved, or θ₀. */
async function openAverage({
  settings: { ema = null },
  saved,
  adaptation,
  ...run
}: DescentContext): Promise<WeightAverage | null> {
  if (ema === null) return null;
  const values = saved ? saved.sets.get(averageName) : await adaptation.initial();
  if (!values) throw new RangeError('the saved state lacks the mean of the weights');
  return WeightAverage.create(values, ema, { ...run, parameters: adaptation.parameters });
}

const plainSgd = { kind: 'sgd', momentum: 0, weightDecay: 0 } as const;

/**
 * What methods have in common that follow two gradients: the tools of an outer step, its optimizer's
 * moments, and the original's predictions.
 */
export class Descent {
  readonly tools: OuterTools;
  private readonly context: DescentContext;
  private readonly original: Original | null;
  /** Where θ may change; null: everywhere. */
  private readonly mask: TensorSet | null;

  private constructor(
    context: DescentContext,
    {
      tools,
      original,
      mask,
    }: { tools: OuterTools; original: Original | null; mask: TensorSet | null },
  ) {
    this.context = context;
    this.tools = tools;
    this.original = original;
    this.mask = mask;
  }

  static async open(context: DescentContext): Promise<Descent> {
    const { settings, adaptation, model, parameters, saved, device, threads } = context;
    const specs = adaptation.parameters;
    const run = { device, threads };
    // In device memory tensors are replaced, so that a set needs none beforehand.
    const workspaceSet = () => (device === 'webgpu' ? new TensorSet() : TensorSet.zeros(specs));
    const accumulator = await Optimizer.create(specs, plainSgd, { ...run, terms: 1 });
    const workspace = {
      first: workspaceSet(),
      second: workspaceSet(),
      third: settings.accumulation > 1 ? workspaceSet() : new TensorSet(),
    };
    const mask = await openMask(context, { accumulator, workspace });
    const outer = await Optimizer.create(specs, settings.optimizer, { ...run, terms: 2, mask });
    const tools: OuterTools = {
      ...{ model, parameters, outer, accumulator, workspace },
      outerState: saved ? restoredState(settings.optimizer, saved) : outer.freshState(),
      innerProducts: await InnerProducts.create(specs, { ...run, mask }),
      average: await openAverage(context),
    };
    const original = asksOriginal(settings) ? await Original.open(adaptation) : null;
    return new Descent(context, { tools, original, mask });
  }

  /** Another optimizer over the same parameters, of steps along one gradient. */
  async openOptimizer(settings: OptimizerSettings): Promise<Optimizer> {
    const { adaptation, device, threads } = this.context;
    return Optimizer.create(adaptation.parameters, settings, {
      ...{ device, threads, terms: 1, mask: this.mask },
    });
  }

  /**
   * What the original predicts at each batch: float32 [N, C, h, w] on the host.
   *
   * @throws Error where the settings do not ask it: then it was not opened
   */
  async predictOriginal(batches: readonly DenoisingBatch[]): Promise<Float32Array[]> {
    const { model, parameters, workspace } = this.tools;
    if (!this.original) throw new Error('the settings do not ask the original');
    return this.original.predict(model, batches, { parameters, spare: workspace.first });
  }

  /** Batches of what is kept, held to what the original predicts where the settings ask it. */
  async held(batches: readonly TargetedBatch[]): Promise<readonly TargetedBatch[]> {
    if (this.context.settings.retainTarget !== 'original' || batches.length === 0) return batches;
    const predictions = await this.predictOriginal(batches);
    return batches.map((batch, i) => ({ ...batch, target: elementAt(predictions, i) }));
  }

  /** What is kept of it besides θ, by the names of `descentStateSets`. */
  state(): ReadonlyMap<string, TensorSet> {
    const { outerState, average } = this.tools;
    return new Map([
      ...outerState.moments,
      ...(this.mask ? [[maskName, this.mask] as const] : []),
      ...(average ? [[averageName, average.values] as const] : []),
    ]);
  }

  /** What a result is made of: the mean of θ where the settings ask for it, else θ. */
  get result(): TensorSet {
    return this.tools.average?.values ?? this.tools.parameters;
  }

  /** What trains in these steps. */
  trainer<F>(step: (index: number) => Promise<F>) {
    return {
      step,
      state: () => this.state(),
      result: () => this.result,
      release: () => this.release(),
    };
  }

  async release(): Promise<void> {
    const { outer, accumulator, innerProducts, workspace } = this.tools;
    for (const tool of [outer, accumulator, innerProducts]) await tool.release();
    const { first, second, third } = workspace;
    for (const set of [first, second, third]) set.dispose();
    this.original?.release();
    this.mask?.dispose();
    await this.tools.average?.release();
  }
}
