import { defaultAdapters } from '../../src/adapters/settings.ts';
import path from 'node:path';
import { expect, it } from 'vitest';

import { openCheckpoint } from '../../src/families/checkpoint.ts';
import {
  defaultSettings,
  type EraseSettings,
  type WantedSettings,
} from '../../src/methods/registry.ts';
import { defaultOptimizers } from '../../src/methods/settings-fields.ts';
import { requireMemory } from '../../src/jobs/estimate/require-memory.ts';

const model = path.resolve('presets/tiny-sd/tiny-sd.safetensors');
const megabyte = 1e6;

it('refuses what needs more memory than the machine has, and says what needs less', async () => {
  const checkpoint = await openCheckpoint(model);
  const rule = {
    ...({ kind: 'projection', eta: 0.5, budget: 'gap', innerSteps: 1 } as const),
    ...{ innerLearningRate: null, innerOptimizer: defaultOptimizers.adam },
  };
  const settings = {
    ...defaultSettings({
      ...{ train: 'full', size: 64, modelChannels: 32, adapter: defaultAdapters.full },
    }),
    ...{ rule, batch: 8 },
  };
  const tryWith = (megabytes: number, change: WantedSettings = {}) => {
    const tried = { ...settings, ...change } as EraseSettings;
    return requireMemory(checkpoint, tried, megabytes * megabyte);
  };
  const refusal = async (megabytes: number) => {
    try {
      await tryWith(megabytes);
    } catch (error) {
      expect(error).toMatchObject({ code: 'settings.too-large' });
      return (error as Error).message;
    }
    throw new Error('it was not refused');
  };
  await tryWith(1000);
  const message = await refusal(450);
  expect(message).toMatch(/^training needs \d+ MB of memory .* this machine has 450 MB\. /);
  // Of the single changes one alone is not enough; what is said to be enough is let pass.
  expect(message).toMatch(/Train with a batch of 1: .*Train the cross-attention only: /);
  expect(message).not.toContain('Take the inner steps with plain SGD: ');
  await tryWith(450, { batch: 1 });
  await tryWith(450, { train: 'xattn' });
  await tryWith(450, { adapter: defaultAdapters.lora });
  await expect(
    tryWith(450, { rule: { ...rule, innerOptimizer: defaultOptimizers.sgd } }),
  ).rejects.toThrow('Train with a batch of 1: ');
  expect(await refusal(470)).toContain('Take the inner steps with plain SGD: ');
  expect(await refusal(100)).toMatch(/It takes a machine with \d+ MB of memory or more\.$/);
  await checkpoint.file.close();
});
