import type { ParameterSpec } from '../optim/update-graph.ts';
import type { Device } from '../runtime/device.ts';
import type { TensorSet } from '../runtime/tensor-set.ts';
import { Optimizer } from './optimizer.ts';

const plainSgd = { kind: 'sgd', momentum: 0, weightDecay: 0 } as const;

/** The exponential moving average of θ over the steps of a run: m ← d·m + (1 − d)·θ after each, m = θ₀ before. */
export class WeightAverage {
  /** m, changed in place, or in device memory replaced. */
  readonly values: TensorSet;
  private readonly decay: number;
  private readonly updater: Optimizer;

  private constructor(values: TensorSet, decay: number, updater: Optimizer) {
    this.values = values;
    this.decay = decay;
    this.updater = updater;
  }

  /**
   * @param values m so far
   * @param decay d, between 0 and 1
   */
  static async create(
    values: TensorSet,
    decay: number,
    {
      parameters,
      ...run
    }: {
      readonly parameters: readonly ParameterSpec[];
      readonly device: Device;
      readonly threads: number;
    },
  ): Promise<WeightAverage> {
    const updater = await Optimizer.create(parameters, plainSgd, { ...run, terms: 2 });
    return new WeightAverage(values, decay, updater);
  }

  /** Takes θ in, as it is after a step. */
  async follow(parameters: TensorSet): Promise<void> {
    const { values, updater } = this;
    const share = 1 - this.decay;
    await updater.step(
      { from: values, to: values },
      [
        { weight: share, gradient: values },
        { weight: -share, gradient: parameters },
      ],
      { state: updater.freshState(), learningRate: 1 },
    );
  }

  /** The values outlive it: they may be the run's result. */
  async release(): Promise<void> {
    await this.updater.release();
  }
}
