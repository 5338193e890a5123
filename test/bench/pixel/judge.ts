import { readFile } from 'node:fs/promises';
import path from 'node:path';

import type { PixelImage } from '../../../src/images/pixels.ts';
import { GraphSession } from '../../../src/runtime/session.ts';
import { floatData, floatTensor } from '../../../src/runtime/tensor.ts';
import { joinRows, splitRows } from '../../../src/tensor/rows.ts';

/** What a judge makes of a picture. */
export interface Sighting {
  /** Of each class, in the order of the labels. */
  readonly probabilities: readonly number[];
  /** The judge's last hidden layer. */
  readonly features: readonly number[];
}

/** A judge that test/bench/pixel_models.py trained. Release it. */
export interface PixelJudge {
  readonly labels: readonly string[];
  /** @param images of the size that it was trained at */
  see(images: readonly PixelImage[]): Promise<Sighting[]>;
  release(): Promise<void>;
}

/** Enough for figures, and a third of the digits to keep. */
const rounded = (value: number) => Number(value.toFixed(4));

/** @param folder with `features-ASPECT.onnx` and `classifiers.json` */
export async function openPixelJudge(folder: string, aspect: string): Promise<PixelJudge> {
  const session = await GraphSession.open(path.join(folder, `features-${aspect}.onnx`), 1);
  const { labels } = JSON.parse(await readFile(path.join(folder, 'classifiers.json'), 'utf8')) as {
    labels: Record<string, string[]>;
  };
  const known = labels[aspect] ?? [];
  return {
    labels: known,
    async see(images) {
      const [first] = images;
      if (!first) return [];
      const pictures = joinRows(images.map(({ data }) => data));
      const shape = [images.length, 3, first.height, first.width];
      const results = await session.run({ pictures: floatTensor(pictures, shape) });
      const rowsOf = (name: string) => {
        const tensor = results[name];
        if (!tensor) throw new Error(`the judge gives no ${name}`);
        return splitRows(floatData(tensor), floatData(tensor).length / images.length);
      };
      const features = rowsOf('features');
      return rowsOf('logits').map((logits, i) => ({
        probabilities: softmax(logits).map(rounded),
        features: [...(features[i] ?? [])].map(rounded),
      }));
    },
    release: () => session.release(),
  };
}

function softmax(logits: Float32Array): number[] {
  const highest = Math.max(...logits);
  const powers = [...logits].map((value) => Math.exp(value - highest));
  const sum = powers.reduce((total, value) => total + value, 0);
  return powers.map((value) => value / sum);
}
