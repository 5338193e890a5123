import type { Adaptation } from '../adapters/adapter.ts';
import { adaptationOf } from '../adapters/registry.ts';
import type { AdapterSettings } from '../adapters/settings.ts';
import type { Checkpoint } from '../families/checkpoint.ts';
import type { TrainSet } from './settings-fields.ts';

/**
 * What a run's training changes of a checkpoint.
 *
 * @param folder that the job may keep files in
 * @throws AppError `settings.invalid` where the adapter can do nothing with what is to be trained
 */
export function adaptationFor(
  checkpoint: Checkpoint,
  settings: {
    readonly train: TrainSet;
    readonly adapter: AdapterSettings;
    readonly seed: number;
  },
  folder: string,
): Adaptation {
  return adaptationOf(checkpoint, checkpoint.groups.namesOf(settings.train), {
    ...settings,
    folder,
  });
}
