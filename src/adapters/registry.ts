import type { Checkpoint } from '../families/checkpoint.ts';
import type { Adaptation, Adapter } from './adapter.ts';
import { fullWeights } from './full-weights.ts';
import { lowRank } from './low-rank/adapter.ts';
import type { AdapterSettings } from './settings.ts';

type SettingsOf<Kind> = Extract<AdapterSettings, { readonly kind: Kind }>;

/** Every adapter, by the `kind` of its settings. */
const adapters = {
  full: fullWeights,
  lora: lowRank,
} satisfies { [Kind in AdapterSettings['kind']]: Adapter<SettingsOf<Kind>> };

/**
 * What training changes of a checkpoint, in the form that the settings say.
 *
 * @param names the checkpoint's tensors that may change
 * @param folder that the job may keep files in; nothing is written before `Base.make`
 * @throws AppError `settings.invalid` where the adapter can do nothing with these tensors
 */
export function adaptationOf(
  checkpoint: Checkpoint,
  names: readonly string[],
  {
    adapter,
    seed,
    folder,
  }: { readonly adapter: AdapterSettings; readonly seed: number; readonly folder: string },
): Adaptation {
  // An adapter takes its own settings alone, which types cannot say of a table.
  const chosen: Adapter<never> = adapters[adapter.kind];
  return chosen.fit(checkpoint, names, { adapter: adapter as never, seed, folder });
}
