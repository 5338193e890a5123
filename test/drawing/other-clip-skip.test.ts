import { copyFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';

import { otherClipSkip } from '../../src/drawing/other-clip-skip.ts';
import { evaluate } from '../../src/evaluation/evaluate.ts';
import type { EvaluationSettings } from '../../src/evaluation/pictures.ts';
import { openCheckpoint } from '../../src/families/checkpoint.ts';
import { drawingOf } from '../../src/methods/default-settings.ts';
import { writeClipSkipModel } from '../helpers/clip-skip-model.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

it('what is drawn at clip skip 2 is judged at 1 as well, as if it were drawn so alone', async () => {
  const checkpoint = await openCheckpoint(writeClipSkipModel(makeTemporaryFolder()));
  const usual = drawingOf({ size: 64, modelChannels: 32 });
  const at = (clipSkip: number): EvaluationSettings => ({
    forget: [{ prompt: 'a red heart in the style of Pontilla', anchor: 'a red heart' }],
    retain: ['a blue star in the style of Flatto'],
    ...{ count: 1, seed: 3, device: 'cpu', threads: 1 },
    drawing: { ...usual, clipSkip, drawSteps: 2 },
  });
  const progress: [number, number][] = [];
  const io = { signal: new AbortController().signal };
  const both = await evaluate(
    checkpoint,
    checkpoint,
    { ...at(2), otherClipSkip: otherClipSkip(checkpoint, { clipSkip: 2 }) },
    { ...io, onProgress: (done, total) => progress.push([done, total]) },
  );
  const [one, two] = [
    await evaluate(checkpoint, checkpoint, at(1), io),
    await evaluate(checkpoint, checkpoint, at(2), io),
  ];
  await checkpoint.close();
  expect(both.atOtherClipSkip).toEqual({ clipSkip: 1, figures: one.figures });
  expect(both.figures).toEqual(two.figures);
  expect(one.figures).not.toEqual(two.figures);
  expect(one.atOtherClipSkip).toBeUndefined();
  expect(progress.at(-1)).toEqual([16, 16]);
  expect(progress.map(([done]) => done)).toEqual(
    progress.map(([done]) => done).toSorted((a, b) => a - b),
  );
});

it('at 2 where it is drawn at 1 and its files say 2; not where the model sees no difference', async () => {
  const folder = makeTemporaryFolder();
  const file = writeClipSkipModel(folder);
  const anime = path.join(folder, 'meinamix.safetensors');
  copyFileSync(file, anime);
  copyFileSync(file.replace('.safetensors', '.yaml'), anime.replace('.safetensors', '.yaml'));
  const [plain, known] = [await openCheckpoint(file), await openCheckpoint(anime)];
  for (const opened of [plain, known]) await opened.close();
  const others = [1, 2, 3].map((clipSkip) =>
    [plain, known].map((of) => otherClipSkip(of, { clipSkip })),
  );
  expect(others).toEqual([
    [null, 2],
    [1, 1],
    [1, 1],
  ]);
  // As SDXL's, which reads its last layer but one whatever is set.
  const condition = { ...known.condition, clipSkips: { least: 2, most: 12 } };
  expect(otherClipSkip({ ...known, condition }, { clipSkip: 1 })).toBeNull();
  expect(otherClipSkip({ ...known, condition }, { clipSkip: 3 })).toBe(1);
  const shallow = { ...known.condition, clipSkips: { least: 1, most: 1 } };
  expect(otherClipSkip({ ...known, condition: shallow }, { clipSkip: 1 })).toBeNull();
});
