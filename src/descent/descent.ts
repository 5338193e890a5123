import type { Adaptation } from '../adapters/adapter.ts';
import type { OptimizerSettings } from '../optim/update-rule.ts';
import { elementAt } from '../element-at.ts';
import type { Device } from '../runtime/device.ts';
import { TensorSet } from '../runtime/tensor-set.ts';
import { asksOriginal, type DescentSettings } from './descent-cost.ts';
import { InnerProducts, Optimizer, type OptimizerState } from './optimizer.ts';
import { restoredState } from './restored-state.ts';
import { Original } from './original.ts';
import type { OuterTools } from './outer-step.ts';
import type { DenoisingBatch, TargetedBatch, TrainableModel } from './trainable-model.ts';

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
  readonly device: Device;
  readonly threads: number;
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

  private constructor(
    context: DescentContext,
    { tools, original }: { tools: OuterTools; original: Original | null },
  ) {
    this.context = context;
    this.tools = tools;
    this.original = original;
  }

  static async open(context: DescentContext): Promise<Descent> {
    const { settings, adaptation, model, parameters, saved, device, threads } = context;
    const specs = adaptation.parameters;
    const run = { device, threads };
    const outer = await Optimizer.create(specs, settings.optimizer, { ...run, terms: 2 });
    // In device memory tensors are replaced, so that a set needs none beforehand.
    const workspaceSet = () => (device === 'webgpu' ? new TensorSet() : TensorSet.zeros(specs));
    const tools: OuterTools = {
      model,
      parameters,
      outer,
      outerState: saved ? restoredState(settings.optimizer, saved) : outer.freshState(),
      accumulator: await Optimizer.create(specs, plainSgd, { ...run, terms: 1 }),
      innerProducts: await InnerProducts.create(specs, run),
      workspace: {
        first: workspaceSet(),
        second: workspaceSet(),
        third: settings.accumulation > 1 ? workspaceSet() : new TensorSet(),
      },
    };
    const original = asksOriginal(settings) ? await Original.open(adaptation) : null;
    return new Descent(context, { tools, original });
  }

  /** Another optimizer over the same parameters, of steps along one gradient. */
  async openOptimizer(settings: OptimizerSettings): Promise<Optimizer> {
    const { adaptation, device, threads } = this.context;
    return Optimizer.create(adaptation.parameters, settings, { device, threads, terms: 1 });
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

  /** The optimizer's moments, by the names of `descentStateSets`. */
  state(): OptimizerState['moments'] {
    return this.tools.outerState.moments;
  }

  async release(): Promise<void> {
    const { outer, accumulator, innerProducts, workspace } = this.tools;
    for (const tool of [outer, accumulator, innerProducts]) await tool.release();
    const { first, second, third } = workspace;
    for (const set of [first, second, third]) set.dispose();
    this.original?.release();
  }
}
