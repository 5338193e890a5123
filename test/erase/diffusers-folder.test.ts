import path from 'node:path';

import { expect, it } from 'vitest';

import { hashCheckpoint } from '../../src/families/checkpoint-hash.ts';
import { openModelFiles } from '../../src/families/open-model-files.ts';
import type { EraseJob } from '../../src/erase/job.ts';
import { stepsOf } from '../../src/methods/registry.ts';
import { stepsOfResult } from '../../src/erase/result.ts';
import { trainedNames } from '../../src/families/stable-diffusion/parameter-groups.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { writeTinyFamily } from '../helpers/tiny-families.ts';
import { writeTinyFamilyFolder } from '../helpers/tiny-family-folder.ts';
import { writeTinySdFolder } from '../helpers/tiny-sd-folder.ts';
import { makeTinyJob, runTinyJob } from './tiny-job.ts';

it('a concept is erased from a folder as from the single file, to the byte', async () => {
  const folder = makeTemporaryFolder();
  const settings = { steps: 2, generationSteps: 2, train: 'full' } as const;
  const fromFile = await makeTinyJob(path.join(folder, 'file'), settings);
  await expectSameResult(folder, fromFile, writeTinySdFolder(path.join(folder, 'tiny')));
}, 300_000);

it.each(['sd2', 'sdxl'] as const)(
  'so it is from a folder of %s',
  async (family) => {
    const folder = makeTemporaryFolder();
    const settings = { steps: 1, generationSteps: 1, train: 'full' } as const;
    const tinySd = await makeTinyJob(path.join(folder, 'file'), settings);
    const file = await writeTinyFamily(folder, family);
    const fromFile = { ...tinySd, model: { path: file, sha256: await hashCheckpoint(file) } };
    const model = writeTinyFamilyFolder(file, { family, folder: path.join(folder, 'tiny') });
    await expectSameResult(folder, fromFile, model);
  },
  120_000,
);

/** Trains both, and compares what became of the UNet. */
async function expectSameResult(folder: string, fromFile: EraseJob, model: string): Promise<void> {
  await runTinyJob(fromFile, path.join(folder, 'file'));
  const fromFolder = {
    ...fromFile,
    model: { path: model, sha256: await hashCheckpoint(model) },
    output: path.join(folder, 'tiny-without-pontilla'),
  };
  await runTinyJob(fromFolder, path.join(folder, 'folder'));
  expect(await stepsOfResult(fromFolder)).toBe(stepsOf(fromFile.settings));

  const [file, parts] = [
    await openModelFiles(fromFile.output),
    await openModelFiles(fromFolder.output),
  ];
  const original = await openModelFiles(model);
  let changed = 0;
  for (const name of trainedNames(file.tensors.keys(), 'full')) {
    const bytes = await file.readTensor(name);
    expect(Buffer.compare(await parts.readTensor(name), bytes), name).toBe(0);
    changed += Math.abs(Buffer.compare(await original.readTensor(name), bytes));
  }
  expect(changed).toBeGreaterThan(100);
  await Promise.all([file.close(), parts.close(), original.close()]);
}
