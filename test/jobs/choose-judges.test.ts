import path from 'node:path';
import { expect, it } from 'vitest';

import { draftJob, type EraseRequest } from '../../src/jobs/request/draft-job.ts';
import { presetFolders } from '../../src/presets/load-presets.ts';
import { addPreset } from '../../src/presets/own-presets.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

const shipped = path.resolve('presets/tiny-sd');
const style = {
  file: path.join(shipped, 'cls-style.onnx'),
  labels: path.join(shipped, 'classifiers.json#style'),
};

function draft(request: Partial<EraseRequest>, dataFolder = makeTemporaryFolder()) {
  const nothing = { forgetImages: undefined, retainImages: undefined, concept: undefined };
  return draftJob(
    {
      ...nothing,
      ...{ model: path.join(shipped, 'tiny-sd.safetensors'), preset: undefined, variables: {} },
      ...{ forget: ['a red heart'], retain: ['a star'], anchor: 'a red thing', settings: {} },
      ...{ device: 'cpu', threads: 1, output: undefined },
      ...request,
    },
    { dataFolder, presetFolders: presetFolders(dataFolder) },
  );
}

it('a judge is taken by its name or its files; who asks for one has pictures judged', async () => {
  const named = await draft({ judges: [{ name: 'tiny-style', classes: ['pontilla'] }] });
  expect(named.judges).toEqual([{ name: 'tiny-style', ...style, classes: ['pontilla'] }]);
  expect(named.settings.evaluationPictures).toBe(1);
  const ofFiles = await draft({
    judges: [{ ...style, classes: ['photo'] }],
    settings: { evaluationPictures: 3 },
  });
  expect(ofFiles.judges).toEqual([{ name: 'cls-style', ...style, classes: ['photo'] }]);
  expect(ofFiles.settings.evaluationPictures).toBe(3);
});

it('a preset names its judges; a person’s own go before them, one that is not there is told of', async () => {
  const pontilla = await draft({ preset: 'pontilla', forget: [], retain: [], anchor: undefined });
  expect(pontilla.judges).toMatchObject([{ name: 'tiny-style', classes: ['Pontilla'] }]);
  const judges = [{ name: 'tiny-colour', classes: ['red'] }];
  const own = await draft({ preset: 'pontilla', judges });
  expect(own.judges.map(({ name }) => name)).toEqual(['tiny-colour']);

  const data = makeTemporaryFolder();
  const { name: preset } = await addPreset(data, {
    ...{ title: 'Hearts', description: 'Hearts.', expectation: 'None.', concept: 'heart' },
    ...{ forget: ['a heart'], retain: ['a star'] },
    judges: [{ name: 'hearts-vit', classes: ['heart'] }, ...judges],
  });
  const draftOfPreset = await draft({ preset }, data);
  expect(draftOfPreset.judges.map(({ name }) => name)).toEqual(['tiny-colour']);
  expect(draftOfPreset.warnings).toContainEqual(
    expect.stringMatching(/without one of its judges: there is no judge "hearts-vit"/),
  );
});

it.each([
  ['an unknown judge', { judges: [{ name: 'vit', classes: ['a'] }] }, 'judge.not-found'],
  ['an unknown class', { judges: [{ name: 'tiny-style', classes: ['a'] }] }, 'judge.invalid'],
  [
    'a judge of nothing',
    { judges: [{ name: 'tiny-style', classes: ['photo'] }], settings: { evaluationPictures: 0 } },
    'settings.invalid',
  ],
])('refuses %s', async (_, request, code) => {
  await expect(draft(request)).rejects.toMatchObject({ code });
});
