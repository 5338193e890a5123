import { expect, it } from 'vitest';

import { chooseProbes } from '../../src/erase/choose-probes.ts';
import type { EraseJob } from '../../src/erase/job.ts';
import { mostProbes, ownPromptCount } from '../../src/erase/probe-counts.ts';
import { defaultSettings, usualModel } from '../../src/methods/registry.ts';
import { openCheckpoint } from '../../src/families/checkpoint.ts';
import { tinySd } from '../helpers/forgetful-model.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { makeTinyJob } from './tiny-job.ts';

async function probesOf(change: Partial<EraseJob>, settings: Partial<EraseJob['settings']> = {}) {
  const job = await makeTinyJob(makeTemporaryFolder(), { evaluationPictures: 1, measured: 'more' });
  const changed = { ...job, ...change, settings: { ...job.settings, ...settings } } as EraseJob;
  const original = await openCheckpoint(tinySd);
  const probes = await chooseProbes(original, changed);
  await original.close();
  expect(probes.length).toBeLessThanOrEqual(mostProbes(changed.settings));
  const ofGroup = (wanted: string) => probes.filter(({ group }) => group === wanted);
  return { probes, ofGroup };
}

it('neighbours are the nearest styles, what is far is what nobody listed', async () => {
  const listed = 'a star in the style of Strivo';
  const { ofGroup } = await probesOf({ retain: [listed, 'a photo of a red circle'] });
  const styles = ofGroup('neighbour').map(({ prompt }) => prompt);
  expect([...styles].sort()).toEqual(
    ['Blurrin', 'Flatto', 'Krossan'].map((style) => `a star in the style of ${style}`),
  );
  const far = ofGroup('far').map(({ prompt }) => prompt);
  expect(far).toHaveLength(4);
  expect(far).not.toContain('a photo of a red circle');
  // Numbers go on behind the job's own prompts.
  expect([...ofGroup('neighbour'), ...ofGroup('far')].map(({ number }) => number)).toEqual(
    Array.from({ length: 7 }, (_, i) => 2 + i),
  );
}, 60_000);

it('some of the prompts are drawn as people write them, and held-back wordings', async () => {
  const heldBack = [{ prompt: 'Pontilla, a moon', anchor: 'a moon' }];
  const { ofGroup } = await probesOf({ heldBack });
  expect(ofGroup('held-back')).toMatchObject([{ ...heldBack[0], number: 1 }]);
  expect(ofGroup('forget-negative')[0]?.negative).toMatch(/^lowres, /);
  expect(ofGroup('forget-against')).toMatchObject([
    { prompt: 'a star in the style of Pontilla', anchor: 'a star', negative: 'Pontilla' },
  ]);
  expect(ofGroup('retain-against').map(({ negative }) => negative)).toEqual([
    'Pontilla',
    'Pontilla',
  ]);
}, 60_000);

it('a negative prompt of the person’s own stays, and counts for nothing without guidance', async () => {
  const { ofGroup } = await probesOf({}, { negative: 'text' });
  expect(ofGroup('forget-negative')).toEqual([]);
  expect(ofGroup('forget-against')[0]?.negative).toBe('text, Pontilla');
  const unguided = await probesOf({}, { drawCfg: 1 });
  expect(unguided.probes.every(({ negative }) => negative === undefined)).toBe(true);
}, 60_000);

it('nothing is drawn beside where nothing is measured, or the prompts alone are', async () => {
  expect((await probesOf({}, { evaluationPictures: 0 })).probes).toEqual([]);
  expect((await probesOf({}, { measured: 'prompts' })).probes).toEqual([]);
});

it('compares half as many of large pictures', () => {
  const counts = (size: number) => {
    const settings = defaultSettings({ ...usualModel, size });
    return [ownPromptCount(settings), mostProbes(settings)];
  };
  expect(counts(64)).toEqual([8, 20]);
  expect(counts(512)).toEqual([4, 10]);
});
