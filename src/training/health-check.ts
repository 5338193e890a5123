import type { TrainableModel } from '../descent/trainable-model.ts';
import type { TensorSet } from '../runtime/tensor-set.ts';
import type { BatchSource } from './batch-source.ts';
import { checksIn, isCheckDue } from './check-schedule.ts';
import { judge, riseOf, type Verdict } from './collapse-guard.ts';
import type { ForgettingCheck } from './forgetting-check.ts';
import { type RunProgress, writeHealthy } from './run-state.ts';
import { type EndState, type Finding, weigh } from './when-gone.ts';

/** Batches that health is checked on. */
const validationBatches = 4;

/** Predictions of a run's health checks, with the one before the first step. */
export function healthCheckPredictions(steps: number): number {
  return (checksIn(steps) + 1) * validationBatches;
}

/** What the next check is judged by. */
export type HealthState = Pick<RunProgress, 'guard' | 'end'>;

/**
 * Measures the loss on kept pictures from time to time, and looks whether forgotten prompts still show
 * what they name, where that ends the run. Keeps θ while it is good: the last, or where pictures are looked
 * at the best.
 */
export class HealthCheck {
  private readonly tools: {
    readonly model: TrainableModel;
    readonly batches: BatchSource;
    readonly stateFolder: string;
    /** Of the whole run. */
    readonly steps: number;
    /** Null where all steps are taken, whatever is still shown. */
    readonly forgetting: Pick<ForgettingCheck, 'thresholds' | 'look'> | null;
    readonly onFinding: (finding: Finding) => void;
  };
  state: HealthState;

  constructor(tools: HealthCheck['tools'], state: HealthState) {
    this.tools = tools;
    this.state = state;
  }

  /**
   * @param step steps done; where no check is due then, all is well
   * @returns also whether the concept is gone, and training is over
   * @throws the signal's reason, and then this check is to be done again
   */
  async check(parameters: TensorSet, step: number): Promise<Verdict | 'gone'> {
    const { steps, stateFolder } = this.tools;
    if (!isCheckDue(step, steps)) return 'healthy';
    const loss = await this.validationLoss(parameters);
    const { verdict, state: guard } = judge(this.state.guard, loss);
    const { end, isBest, isOver } = await this.look(parameters, {
      ...{ step, verdict },
      rise: riseOf(guard, loss),
    });
    if (verdict === 'healthy' && isBest && step > 0) {
      await writeHealthy(stateFolder, { parameters, step });
    }
    this.state = { guard, end };
    return isOver ? 'gone' : verdict;
  }

  /** Looks at forgotten prompts in a model in good health; before the first step, at the original's. */
  private async look(
    parameters: TensorSet,
    { step, verdict, rise }: { step: number; verdict: Verdict; rise: number },
  ): Promise<{ readonly end: EndState; readonly isBest: boolean; readonly isOver: boolean }> {
    const { forgetting, onFinding } = this.tools;
    const { end } = this.state;
    const unseen = { end, isBest: true, isOver: false };
    if (!forgetting) return unseen;
    if (step === 0) {
      return { ...unseen, end: { ...end, thresholds: await forgetting.thresholds(parameters) } };
    }
    const canTell = end.thresholds.some((threshold) => threshold !== null);
    if (!canTell || verdict !== 'healthy') return unseen;
    const sightings = await forgetting.look(parameters, end.thresholds);
    const finding = { step, rise, sightings };
    onFinding(finding);
    const { state, ...weighed } = weigh(end, finding);
    // What is gone is only held from here on.
    this.tools.batches.hold(state.gone);
    return { end: state, ...weighed };
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
