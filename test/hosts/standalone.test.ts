import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { expect, it } from 'vitest';

import { describeModel } from '../../src/hosts/describe-model.ts';
import { StandaloneHost } from '../../src/hosts/standalone.ts';
import { writeModel } from '../helpers/model-files.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { writeTinySdFolder } from '../helpers/tiny-sd-folder.ts';

it('a folder with a diffusers model is one model, not its files', async () => {
  const models = makeTemporaryFolder();
  writeModel(models, 'a.safetensors');
  // The same format by another name.
  writeModel(models, 'b.SFT');
  writeTinySdFolder(path.join(models, 'sub', 'tiny-v1.5'));
  // An unfinished result, and a folder that only looks like a model.
  writeTinySdFolder(path.join(models, '.tiny-without-red.1.part'));
  mkdirSync(path.join(models, 'pictures'));
  writeFileSync(path.join(models, 'pictures', 'config.json'), '{}');

  const host = new StandaloneHost([models], makeTemporaryFolder());
  const listed = await host.listModels();
  expect(listed.map(({ name }) => name)).toEqual(['a.safetensors', 'b.SFT', 'sub/tiny-v1.5']);
  const folder = listed[2]!;
  expect(folder.bytes).toBeGreaterThan(18e6);
  expect(host.resultFolder(folder)).toBe(path.join(models, 'sub'));
  expect(await describeModel(folder)).toMatchObject({
    architecture: 'SD 1.x',
    refusal: null,
    nativeSize: 64,
    concept: null,
  });
});
