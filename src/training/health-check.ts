import type { TrainableModel } from '../descent/trainable-model.ts';
import type { TensorSet } from '../runtime/tensor-set.ts';
import type { BatchSource } from './batch-source.ts';
import { type GuardState, judge, type Verdict } from './collapse-guard.ts';
import { writeHealthy } from './run-state.ts';

/** Health is checked about this often in a run, on this many batches. */
const checksOfRun = 10;
const validationBatches = 4;

/** Predictions of a run's health checks, with the one before the first step. */
export function healthCheckPredictions(steps: number): number {
  return (Math.min(steps, checksOfRun) + 1) * validationBatches;
}

/** Measures the loss on kept pictures from time to time, and keeps θ while it is good. */
export class HealthCheck {
  private readonly tools: {
    readonly model: TrainableModel;
    readonly batches: BatchSource;
    readonly stateFolder: string;
    /** Of the whole run. */
    readonly steps: number;
  };
  /** What the next check is judged by. */
  guard: GuardState;

  constructor(tools: HealthCheck['tools'], guard: GuardState) {
    this.tools = tools;
    this.guard = guard;
  }

  /** @param step steps done; where none is due then, all is well */
  async check(parameters: TensorSet, step: number): Promise<Verdict> {
    const { steps, stateFolder } = this.tools;
    const interval = Math.max(1, Math.round(steps / checksOfRun));
    if (step % interval !== 0 && step !== steps) return 'healthy';
    const { verdict, state } = judge(this.guard, await this.validationLoss(parameters));
    this.guard = state;
    if (verdict === 'healthy' && step > 0) await writeHealthy(stateFolder, { parameters, step });
    return verdict;
  }

  private async validationLoss(parameters: TensorSet): Promise<number> {
    const { model, batches } = this.tools;
    let sum = 0;
    for (let index = 0; index < validationBatches; index++) {
      const batch = batches.retainBatch('validation', { index });
      sum += await model.loss(parameters, batch, model.target(batch.target, batch));
    }
    return sum / validationBatches;
  }
}
