import { copyFileSync, cpSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { expect, it } from 'vitest';

import { describeModel } from '../../src/hosts/describe-model.ts';
import { StandaloneHost } from '../../src/hosts/standalone.ts';
import { fileBytes } from '../checkpoint/safetensors-fixtures.ts';
import { writeModel } from '../helpers/model-files.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { writeMarkedTinySd } from '../helpers/tiny-sd-marked.ts';
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

it('a model with a header of many megabytes is described as one without', async () => {
  const folder = makeTemporaryFolder();
  const tiny = path.resolve('presets/tiny-sd');
  cpSync(path.join(tiny, 'tiny-clip'), path.join(folder, 'tiny-clip'), { recursive: true });
  copyFileSync(path.join(tiny, 'tiny-sd.yaml'), path.join(folder, 'large.yaml'));
  const bytes = readFileSync(path.join(tiny, 'tiny-sd.safetensors'));
  const headerEnd = 8 + Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.subarray(8, headerEnd).toString()) as object;
  const recipe = '{"merged": "from much"}'.repeat(300_000);
  const file = path.join(folder, 'large.safetensors');
  writeFileSync(
    file,
    fileBytes({ ...header, __metadata__: { recipe } }, bytes.subarray(headerEnd)),
  );
  const { size, mtimeMs } = statSync(file);
  const model = { name: 'large.safetensors', path: file, bytes: size, modifiedMs: mtimeMs };
  expect(await describeModel(model)).toMatchObject({ architecture: 'SD 1.x', refusal: null });
  // Just as what is refused is.
  writeFileSync(file, fileBytes(`{"a":${'['.repeat(5e6)}`));
  expect(await describeModel({ ...model, bytes: 1 })).toMatchObject({
    architecture: null,
    refusal: expect.stringMatching(/header is not JSON/) as string,
  });
});

it('a model that contradicts itself in what it predicts can be chosen, once that is said', async () => {
  const models = makeTemporaryFolder();
  writeMarkedTinySd(models, { markers: ['v_pred'], metadata: { ss_v_parameterization: 'False' } });
  const [model] = await new StandaloneHost([models], makeTemporaryFolder()).listModels();
  expect(await describeModel(model!)).toMatchObject({
    architecture: 'SD 1.x',
    refusal: null,
    nativeSize: 64,
    prediction: null,
    predictionProblem: expect.stringMatching(/contradict.*"v_pred"/) as string,
  });
});
