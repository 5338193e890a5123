import { hasStrength } from '../adapters/settings.ts';
import { descentCopies, maskWork } from '../descent/descent-cost.ts';
import type { CostFacts, MethodCost } from './method.ts';
import type { DescentSettings, StepSettings } from './settings-fields.ts';

/** What `openSteered` takes. */
export function steeredCost(
  settings: StepSettings &
    DescentSettings & { readonly retainWeight: number; readonly generatedForget: number },
  { gradient, prediction, trainedBytes }: CostFacts,
): MethodCost {
  const { accumulation, adapter, retainTarget, retainWeight, generatedForget } = settings;
  const steered = prediction * (hasStrength(adapter) ? 2 : 1);
  const kept = gradient + (retainTarget === 'original' ? prediction : 0);
  return {
    step: accumulation * (gradient + steered + (retainWeight > 0 ? kept : 0)),
    start: maskWork(settings, { pictures: generatedForget, gradient }),
    parameterCopies: descentCopies({ ...settings, target: { kind: 'anchor' } }, trainedBytes),
  };
}
