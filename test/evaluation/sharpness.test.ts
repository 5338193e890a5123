import path from 'node:path';
import { expect, it } from 'vitest';

import type { PicturePair, PictureEvaluator } from '../../src/evaluation/evaluator.ts';
import { sharpnessEvaluator } from '../../src/evaluation/sharpness/evaluator.ts';
import { sharpnessOf } from '../../src/evaluation/sharpness/sharpness.ts';
import { decodeImage } from '../../src/images/decode-image.ts';
import type { PixelImage } from '../../src/images/pixels.ts';
import { createGenerator } from '../../src/tensor/random.ts';

const size = { width: 64, height: 64 };
const pictures = ['000', '001', '002'].map((name) =>
  decodeImage(path.resolve(`presets/tiny-sd/images/forget-pontilla/${name}.png`), size),
);

/** Each pixel the mean of those around it. */
function smear({ data, width, height }: PixelImage): PixelImage {
  const smeared = data.map((_, i) => {
    const [plane, y, x] = [Math.floor(i / 4096) * 4096, Math.floor((i % 4096) / 64), i % 64];
    const around = [-2, -1, 0, 1, 2].flatMap((dy) =>
      [-2, -1, 0, 1, 2].map((dx) => {
        const [row, column] = [y + dy, x + dx].map((at) => Math.min(63, Math.max(0, at)));
        return data[plane + row! * 64 + column!]!;
      }),
    );
    return around.reduce((sum, value) => sum + value, 0) / around.length;
  });
  return { data: smeared, width, height };
}

it('is the root mean square of the Laplacian', () => {
  // One white pixel within black: the Laplacian is 4 there and -1 at its neighbours.
  const data = new Float32Array(3 * 49).fill(-1);
  for (const channel of [0, 1, 2]) data[channel * 49 + 24] = 1;
  expect(sharpnessOf({ data, width: 7, height: 7 })).toBeCloseTo(Math.sqrt(20 / 25), 5);
  expect(sharpnessOf({ data: data.fill(0.3), width: 7, height: 7 })).toBeCloseTo(0, 5);
});

it('warns of pictures that became smears or noise, and of no others', async () => {
  const cautionOf = async (change: (picture: PixelImage) => PixelImage) => {
    const judge = await (sharpnessEvaluator as PictureEvaluator).open({} as never);
    for (const before of await Promise.all(pictures)) {
      const pair = {
        role: 'retain',
        number: 0,
        prompt: 'a',
        seed: 0,
        before,
        after: change(before),
      };
      await judge.see(pair as PicturePair);
    }
    return judge.measures().find(({ id }) => id === 'sharpness.kept')?.caution;
  };
  expect(await cautionOf((picture) => picture)).toBeNull();
  expect(await cautionOf(smear)).toMatch(/lost more than half .* smears\.$/);
  const generator = createGenerator(1);
  expect(
    await cautionOf((picture) => ({ ...picture, data: generator.randn(picture.data.length) })),
  ).toMatch(/more than twice .* noise\.$/);
});
