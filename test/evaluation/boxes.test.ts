import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';

import { Classifier } from '../../src/evaluation/classifier/classifier.ts';
import { GraphBuilder } from '../../src/onnx/graph-builder.ts';
import { serializeModel } from '../../src/onnx/serialize.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

const side = 8;

/**
 * A detector with two boxes, of rows x, y, w, h, and the labels red, green and blue: the first box holds the
 * colours of the picture's upper half, the second those of its lower half.
 */
function writeDetector(): string {
  const g = new GraphBuilder('boxes');
  const picture = g.input('images', 'float32', [1, 3, side, side]);
  const rows = g.op('ReduceMean', [picture, g.indices(3)], { keepdims: 0 });
  const halves = g.op('Reshape', [rows, g.indices(1, 3, 2, side / 2)]);
  const scores = g.op('ReduceMean', [halves, g.indices(3)], { keepdims: 0 });
  const places = g.constant(new Array<number>(8).fill(100), [1, 4, 2], 'float32');
  g.output('output0', g.op('Concat', [places, scores], { axis: 1 }));
  const file = path.join(makeTemporaryFolder(), 'boxes.onnx');
  writeFileSync(file, serializeModel(g.graph));
  return file;
}

/** A picture of stripes: a colour for its upper half, one for its lower. */
function halves(upper: readonly number[], lower: readonly number[], width = side, height = side) {
  const data = new Float32Array(3 * width * height);
  for (const [i] of data.entries()) {
    const [colour, y] = [Math.floor(i / (width * height)), Math.floor(i / width) % height];
    data[i] = 2 * ((y < height / 2 ? upper : lower)[colour] ?? 0) - 1;
  }
  return { data, width, height };
}

it('a detector says what its surest boxes show, the surest first', async () => {
  const file = writeDetector();
  const labels = path.join(path.dirname(file), 'boxes.json');
  const json = { labels: ['red', 'green', 'blue'], image_mean: [0, 0, 0], image_std: [1, 1, 1] };
  writeFileSync(labels, JSON.stringify({ ...json, resize: 'pad' }));
  const detector = await Classifier.open({ name: 'boxes', file, labels, classes: ['blue'] }, 1);
  const picture = halves([0.4, 0.2, 0], [0.3, 0, 0.8]);
  const scores = await detector.scores(picture);
  for (const [i, score] of [0.4, 0.2, 0.8].entries()) expect(scores[i]).toBeCloseTo(score, 2);
  expect(await detector.labelsIn(picture)).toEqual(['blue', 'red']);
  expect(await detector.labelsIn(halves([0, 0, 0], [0.2, 0.2, 0.2]))).toEqual([]);
  // A wide one fills the upper half of the square, and stays as wide as high.
  const wide = halves([0, 0.9, 0], [0, 0.9, 0], 2 * side, side);
  expect(await detector.labelsIn(wide)).toEqual(['green']);
  expect((await detector.scores(wide))[1]).toBeCloseTo(0.9, 2);
  await detector.release();
});

it('a detector is refused with the labels of another', async () => {
  const file = writeDetector();
  const labels = path.join(path.dirname(file), 'boxes.json');
  writeFileSync(labels, JSON.stringify(['red', 'green']));
  const opening = Classifier.open({ name: 'boxes', file, labels, classes: ['red'] }, 1);
  await expect(opening).rejects.toThrow(/3 classes apart, but .* have 2/);
});
