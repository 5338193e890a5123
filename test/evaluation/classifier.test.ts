import { cpSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';

import { openClassifiers } from '../../src/evaluation/classifier/judge.ts';
import { Classifier } from '../../src/evaluation/classifier/classifier.ts';
import { decodeImage } from '../../src/images/decode-image.ts';
import { defaultSettings } from '../../src/methods/registry.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

const shipped = path.resolve('presets/tiny-sd');
const file = path.join(shipped, 'cls-style.onnx');
const json = path.join(shipped, 'classifiers.json');
const styles = ['photo', 'Pontilla', 'Strivo', 'Krossan', 'Flatto', 'Blurrin'];

/** What a classifier makes of a picture in the style of Pontilla. */
async function classify(labels: string, classes: readonly string[]): Promise<[string, string[]]> {
  const classifier = await Classifier.open(
    { name: 'styles', file, labels, classes: [...classes] },
    1,
  );
  const picture = path.join(shipped, 'images/forget-pontilla/000.png');
  const image = await decodeImage(picture, { width: 64, height: 64 });
  const [seen = ''] = await classifier.labelsIn(image);
  await classifier.release();
  return [seen, [...classifier.classes]];
}

function write(name: string, text: string): string {
  const file = path.join(makeTemporaryFolder(), name);
  writeFileSync(file, text);
  return file;
}

it('names the style of a picture, by every form of labels', async () => {
  const id2label = Object.fromEntries(styles.map((style, i) => [i, style]));
  for (const labels of [
    // Its list is the only one of six.
    json,
    `${json}#style`,
    write('labels.txt', `${styles.join('\r\n')}\r\n`),
    write('labels.json', JSON.stringify(styles)),
    write('labels.json', JSON.stringify({ labels: styles })),
    write('config.json', JSON.stringify({ id2label, architectures: ['ViT'] })),
  ]) {
    expect(await classify(labels, ['pontilla'])).toEqual(['Pontilla', ['Pontilla']]);
  }
});

it('scales colours as a preprocessor_config.json beside the labels says', async () => {
  const labels = write('config.json', JSON.stringify({ labels: styles }));
  const beside = path.join(path.dirname(labels), 'preprocessor_config.json');
  const scaling = { image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5], do_resize: true };
  writeFileSync(beside, JSON.stringify(scaling));
  expect((await classify(labels, ['Pontilla']))[0]).toBe('Pontilla');
  // A black picture to the classifier.
  writeFileSync(beside, JSON.stringify({ ...scaling, image_mean: [1e6, 1e6, 1e6] }));
  expect((await classify(labels, ['Pontilla']))[0]).not.toBe('Pontilla');
});

it.each([
  ['a class that it does not have', json, ['dots'], /no class "dots".* photo, Pontilla/],
  ['a list that is not there', `${json}#size`, ['photo'], /have subject: 8, .* size was asked for/],
  ['the labels of another', `${json}#subject`, ['heart'], /6 classes .* have subject: 8/],
  ['no labels', '/nowhere.txt', ['photo'], /"\/nowhere\.txt" do not exist/],
])('refuses %s', async (_, labels, classes, message) => {
  await expect(classify(labels, classes)).rejects.toThrow(message);
});

it('refuses what is no classifier of pictures', async () => {
  const folder = makeTemporaryFolder();
  cpSync(json, path.join(folder, 'a.onnx'));
  const open = Classifier.open(
    { name: 'a', file: path.join(folder, 'a.onnx'), labels: json, classes: ['photo'] },
    1,
  );
  await expect(open).rejects.toThrow(/cannot be opened: .* Give a classifier of pictures/);
});

it('says so where the original shows the concept in no picture', async () => {
  const cautions: (string | null)[] = [];
  const blank = { data: new Float32Array(3 * 64 * 64), width: 64, height: 64 };
  const picture = path.join(shipped, 'images/forget-pontilla/000.png');
  const dots = await decodeImage(picture, { width: 64, height: 64 });
  for (const before of [blank, dots]) {
    const judge = await openClassifiers({
      ...{ forget: [], retain: [], count: 1, seed: 1, device: 'cpu', threads: 1 },
      classifiers: [{ name: 'styles', file, labels: json, classes: ['Pontilla'] }],
      drawing: defaultSettings({ size: 64, modelChannels: 32 }),
    });
    const of = { role: 'forget', group: 'forget', number: 0, prompt: 'a', anchor: 'b' } as const;
    await judge.see({ ...of, seed: 1, before, after: blank });
    cautions.push(judge.measures().find(({ role }) => role === 'forget')?.caution ?? null);
    await judge.release();
  }
  expect(cautions).toEqual([expect.stringMatching(/^The classifier styles .* on nothing/), null]);
});
