import { momentNames, type OptimizerSettings } from '../optim/update-rule.ts';
import type { TensorSet } from '../runtime/tensor-set.ts';
import type { OptimizerState } from './optimizer.ts';

/**
 * An optimizer's state as it was saved, its moments in the order in which the optimizer has them.
 *
 * @param saved steps done, and the moments by their names
 * @throws RangeError where one is missing
 */
export function restoredState(
  settings: OptimizerSettings,
  { step, sets }: { readonly step: number; readonly sets: ReadonlyMap<string, TensorSet> },
): OptimizerState {
  const moments = momentNames(settings).map((name) => {
    const set = sets.get(name);
    if (!set) throw new RangeError(`the saved state lacks the moment "${name}"`);
    return [name, set] as const;
  });
  return { step, moments: new Map(moments) };
}
