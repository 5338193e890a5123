import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';

import {
  chooseClassifier,
  judgeFolderOf,
  listClassifiers,
  nudityDetector,
  tinyClassifiers,
} from '../../src/evaluation/classifier/judge-folder.ts';
import { namedLabel } from '../../src/evaluation/classifier/named-label.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

const onnx = path.resolve('presets/tiny-sd/cls-style.onnx');

it('finds classifiers as people have them: files with labels, and folders of exporters', async () => {
  const data = makeTemporaryFolder();
  const folder = judgeFolderOf(data);
  const add = (...names: string[]) => {
    for (const name of names) {
      mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
      if (name.endsWith('.onnx')) cpSync(onnx, path.join(folder, name));
      else writeFileSync(path.join(folder, name), 'a\nb');
    }
  };
  add('bare.onnx', 'json.onnx', 'json.json', 'Text.ONNX', 'Text.txt', 'notes.md');
  add('vit/model.onnx', 'vit/model_quantized.onnx', 'vit/config.json');
  add('web/onnx/model_fp16.onnx', 'web/config.json', 'empty/readme.txt');
  // An own one goes before one of the program's that has its name.
  add('tiny-style.onnx', 'tiny-style.labels.txt');
  const at = (name: string) => path.join(folder, name);
  expect(await listClassifiers(data)).toEqual([
    { name: 'Text', file: at('Text.ONNX'), labels: at('Text.txt') },
    { name: 'bare', file: at('bare.onnx'), labels: null },
    { name: 'json', file: at('json.onnx'), labels: at('json.json') },
    { name: 'tiny-style', file: at('tiny-style.onnx'), labels: at('tiny-style.labels.txt') },
    { name: 'vit', file: at('vit/model.onnx'), labels: at('vit/config.json') },
    { name: 'web', file: at('web/onnx/model_fp16.onnx'), labels: at('web/config.json') },
    nudityDetector,
    ...tinyClassifiers.slice(1),
  ]);
  const choice = await chooseClassifier({ name: 'vit', classes: ['a'] }, data);
  expect(choice).toMatchObject({ file: at('vit/model.onnx'), classes: ['a'] });
  const ofFile = { file: at('json.onnx'), labels: undefined, classes: ['a'] };
  expect((await chooseClassifier(ofFile, null)).labels).toBe(at('json.json'));
});

it.each([
  [
    'an unknown one, naming those there are',
    { name: 'vit' },
    /There are nudity-detector, tiny-style, .*NAME\.onnx/,
  ],
  ['a path as a name', { name: '../../a' }, /there is no judge "\.\.\/\.\.\/a"/],
  [
    'a file without labels',
    { file: '/x/a.onnx', labels: undefined },
    /no labels beside it.*a\.txt/,
  ],
])('refuses %s', async (_, judge, message) => {
  const choosing = chooseClassifier({ ...judge, classes: ['a'] }, makeTemporaryFolder());
  await expect(choosing).rejects.toThrow(message);
});

it.each([
  [['heart', 'star'], 'a red heart, ink', 'heart'],
  [['Pontilla', 'photo'], 'a heart in the style of pontilla', 'Pontilla'],
  [['heart', 'star'], 'a heart and a star', null],
  [['art', 'car'], 'a heart', null],
  [
    ['tench, Tinca tinca', 'great white shark, white shark'],
    'a white shark',
    'great white shark, white shark',
  ],
  [['n/a', ''], 'a heart', null],
])('of %j “%s” names %j', (labels, prompt, named) => {
  expect(namedLabel(labels, prompt)).toBe(named);
});
