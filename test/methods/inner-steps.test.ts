import path from 'node:path';
import { expect, it } from 'vitest';

import { draftJob } from '../../src/jobs/request/draft-job.ts';
import type { LooseSettings } from '../../src/methods/method.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

const gap = { kind: 'projection', eta: 0.5, budget: 'gap' };

/** The draft of a request for the tiny model with these settings, as scripts write them. */
function draftWith(settings: LooseSettings) {
  const none = { forgetImages: undefined, retainImages: undefined, concept: undefined };
  return draftJob(
    {
      ...none,
      ...{ model: path.resolve('presets/tiny-sd/tiny-sd.safetensors'), preset: undefined },
      ...{ forget: ['a red heart'], retain: ['a star'], anchor: 'a red thing', variables: {} },
      ...{ settings, device: 'cpu', threads: 1, output: undefined },
    },
    { dataFolder: makeTemporaryFolder(), presetFolders: [] },
  );
}

it.each([
  ['beside the rule', { rule: gap, innerSteps: 3, innerLearningRate: 0.1 }, 3, 0.1],
  ['within the rule', { rule: { ...gap, innerSteps: 2 } }, 2, null],
  ['not at all', { rule: gap }, 1, null],
])('the budget gap takes inner steps said %s', async (_, settings, innerSteps, rate) => {
  const draft = await draftWith(settings);
  expect(draft.settings).toMatchObject({ rule: { innerSteps, innerLearningRate: rate } });
  expect(draft.warnings).toEqual([]);
});

it.each([{}, { rule: { kind: 'cosine', eta: 0.1 } }])(
  'inner steps that no rule reads are left out, which is said: %j',
  async (settings) => {
    const draft = await draftWith({ ...settings, innerSteps: 2 });
    expect(JSON.stringify(draft.settings)).not.toContain('inner');
    expect(draft.warnings).toEqual([expect.stringMatching(/^Inner steps change nothing/)]);
    expect((await draftWith({ ...settings, innerSteps: 0 })).warnings).toEqual([]);
  },
);

it('a gap without an inner step is refused', async () => {
  await expect(draftWith({ rule: gap, innerSteps: 0 })).rejects.toMatchObject({
    code: 'settings.invalid',
    message: expect.stringContaining('rule.innerSteps') as string,
  });
});
