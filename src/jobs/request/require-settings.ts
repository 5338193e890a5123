import { hasStrength } from '../../adapters/settings.ts';
import { AppError } from '../../errors.ts';
import type { Checkpoint } from '../../families/checkpoint.ts';
import {
  type EraseSettings,
  findMethod,
  methodIds,
  methodOf,
  trainingOf,
  trainSetOf,
} from '../../methods/registry.ts';

/** @throws AppError `settings.invalid` where the model has none of the layers, or is not asked as the method asks */
export function requireLayers({ condition, groups }: Checkpoint, settings: EraseSettings): void {
  const { asks, words } = methodOf(settings);
  if (asks === 'words' && condition.asks.kind !== 'words') {
    const others = methodIds.filter((id) => findMethod(id).asks !== 'words');
    throw new AppError(
      'settings.invalid',
      `${words.name} goes by what a model makes of words, and this one reads none.`,
      {
        remedy: {
          advice: `Use ${others.join(' or ')}`,
          settings: [{ setting: 'method' }],
        },
      },
    );
  }
  if (condition.asks.kind === 'nothing' && methodOf(settings).steersToAnchors(settings)) {
    throw new AppError(
      'settings.invalid',
      'the model is asked for nothing, so forgotten pictures cannot be steered to another prompt.',
      { remedy: { advice: 'Steer to noise', settings: [{ setting: 'target', value: 'uniform' }] } },
    );
  }
  const train = trainSetOf(settings);
  if (groups.namesOf(train).length > 0) return;
  throw new AppError('settings.invalid', `the model has no layers of the set "${train}".`, {
    remedy: { advice: 'Train others', settings: [{ setting: 'train', value: 'full' }] },
  });
}

/** @throws AppError `settings.invalid` where a LoRA file is asked for and whole weights are trained */
export function requireChange(settings: EraseSettings): void {
  const training = trainingOf(settings);
  if (!training || training.output === 'checkpoint' || hasStrength(training.adapter)) return;
  throw new AppError(
    'settings.invalid',
    `the result "${training.output}" needs a low-rank change, and whole weights are to be trained, whose change is as large as the model.`,
    { remedy: { advice: 'Train one', settings: [{ setting: 'adapter', value: 'lora' }] } },
  );
}
