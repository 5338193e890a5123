import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import { drawSamples, type SampleOptions } from '../../../src/cli/draw-samples.ts';
import type { EraseEvent } from '../../../src/erase/events.ts';
import type { EraseJob } from '../../../src/erase/job.ts';
import { hashCheckpoint } from '../../../src/families/checkpoint-hash.ts';
import { openCheckpoint } from '../../../src/families/checkpoint.ts';
import { encodePng } from '../../../src/images/png.ts';
import { type EraseRequest } from '../../../src/jobs/request/draft-job.ts';
import { prepareJob } from '../../../src/jobs/request/prepare-job.ts';
import { runTinyJob } from '../../erase/tiny-job.ts';
import { copyPixelModel } from '../../helpers/pixel-models.ts';
import { makeTemporaryFolder } from '../../helpers/temporary-folder.ts';

const short = { steps: 4, batch: 2, saveEvery: 1, drawSteps: 2 } as const;
/** None of the above, for a method without them. */
const unset = { steps: undefined, batch: undefined, saveEvery: undefined, drawSteps: 2 } as const;
const drawn = { generatedForget: 2, generatedRetain: 3 } as const;

type Request = Partial<EraseRequest> & { readonly model: string };

async function prepare({ settings, ...request }: Request): Promise<EraseJob> {
  const { job } = await prepareJob(
    {
      ...{ preset: undefined, variables: {}, forget: [], retain: [] },
      ...{ forgetImages: undefined, retainImages: undefined, anchor: undefined },
      ...{ concept: undefined, device: 'cpu', threads: 1, output: undefined },
      ...request,
      settings: { ...short, ...settings },
    },
    {
      ...{ dataFolder: makeTemporaryFolder(), presetFolders: [] },
      chooseDevice: () => Promise.resolve('cpu'),
    },
  );
  return { ...job, id: 'classes' };
}

const classes = () => copyPixelModel(path.join(makeTemporaryFolder(), 'classes'), 'classes');
const grey = () => copyPixelModel(path.join(makeTemporaryFolder(), 'grey'), 'grey');

/** A folder of grey pictures of 28 pixels, each darker at another place. */
async function writePictures(
  captions: readonly (string | null)[],
  { side = 28, kind = 2 }: { side?: number; kind?: number } = {},
): Promise<string> {
  const folder = makeTemporaryFolder();
  for (const [i, caption] of captions.entries()) {
    const data = new Float32Array(3 * side * side).map((_, at) => Math.sin(at / (i + kind)));
    mkdirSync(folder, { recursive: true });
    const png = await encodePng({ data, width: side, height: side });
    writeFileSync(path.join(folder, `${i}.png`), png);
    if (caption !== null) writeFileSync(path.join(folder, `${i}.txt`), caption);
  }
  return folder;
}

describe('a class', () => {
  it('is forgotten, to the same bytes if the run is cancelled and resumed', async () => {
    const model = classes();
    const settings = { ...drawn, evaluationPictures: 1 } as const;
    const job = await prepare({ model, forget: ['class 3'], retain: ['1', 'class 2'], settings });
    expect(job).toMatchObject({
      forget: [{ prompt: 'class 3', anchor: 'class 1' }],
      retain: ['class 1', 'class 2'],
      settings: { method: 'erasediff', anchors: 'kept', train: 'full', drawSampler: 'DDIM' },
    });
    expect(job.output).toBe(`${model}-without-class-3`);
    const folder = makeTemporaryFolder();
    const events = await runTinyJob(job, folder);
    const steps = events.filter((event) => event.event === 'progress');
    expect(steps.map(({ step }) => step)).toEqual([1, 2, 3, 4]);
    for (const { forgetLoss } of steps) expect(forgetLoss).toBeGreaterThan(0);

    const again = { ...job, output: `${job.output}-again` };
    const other = makeTemporaryFolder();
    const isSecond = (event: EraseEvent) => event.event === 'progress' && event.step === 2;
    const first = await runTinyJob(again, other, [], isSecond);
    await runTinyJob(again, other, first);
    expect(await hashCheckpoint(again.output)).toBe(await hashCheckpoint(job.output));
    expect(await hashCheckpoint(job.output)).not.toBe(await hashCheckpoint(model));
    const checkpoint = await openCheckpoint(job.output);
    expect(checkpoint.file.metadata.get('erase_concept')).toContain('"erasediff"');
    await checkpoint.close();
  });

  it('is steered to the class that is named', async () => {
    const one = { model: classes(), forget: ['3'], settings: drawn };
    expect(await prepare({ ...one, anchor: 'class 7' })).toMatchObject({
      forget: [{ prompt: 'class 3', anchor: 'class 7' }],
      retain: ['class 0', 'class 1', 'class 2', 4, 5, 6, 7, 8, 9].map((label) =>
        typeof label === 'number' ? `class ${label}` : label,
      ),
      settings: { anchors: 'own' },
    });
    expect((await prepare({ ...one, forget: ['3 => 5', '9'] })).forget).toEqual([
      { prompt: 'class 3', anchor: 'class 5' },
      { prompt: 'class 9', anchor: 'class 0' },
    ]);
  });

  it('may be told by pictures of it, kept ones by their captions', async () => {
    const forgetImages = await writePictures([null, null], { side: 16 });
    const retainImages = await writePictures(['class 1', '4'], { side: 16, kind: 7 });
    const job = await prepare({ model: classes(), forget: ['3'], forgetImages, retainImages });
    expect(job.retain).toEqual(['class 1', 'class 4']);
    await runTinyJob(job, makeTemporaryFolder());
    await expect(
      prepare({
        model: classes(),
        forget: ['3'],
        retainImages: await writePictures([null], { side: 16 }),
      }),
    ).rejects.toThrow(/has no caption, so its class is not known/);
  });

  it.each<[string, Partial<EraseRequest>, RegExp]>([
    ['of words', { forget: ['a cat'] }, /"a cat", to forget, is no class/],
    ['beyond the last', { forget: ['10'] }, /there is no class 10, to forget: .* 0 to 9/],
    ['kept as well', { forget: ['1'], retain: ['class 1'] }, /both to be forgotten and to be kept/],
    ['its own anchor', { forget: ['1'], anchor: '1' }, /class 1 is its own anchor/],
    ['with guidance', { forget: ['1'], settings: { drawCfg: 2 } }, /guidance \(CFG\) of 2/],
    ['by UCE', { forget: ['1'], settings: { method: 'uce', ...unset } }, /UCE goes by .* words/],
    [
      'by layers that it lacks',
      { forget: ['1'], settings: { train: 'xattn' } },
      /no layers of the set "xattn".*--train full/,
    ],
    ['at an odd size', { forget: ['1'], settings: { width: 17 } }, /multiple of 2 pixels/],
    ['that is not named', {}, /nothing is said of which class to forget/],
  ])('%s is refused', async (_what, request, message) => {
    await expect(prepare({ model: classes(), ...request })).rejects.toThrow(message);
  });
});

describe('a model that is asked for nothing', () => {
  it.each(['siss', 'erasediff', 'retrack', 'vdu', 'neggrad', 'finetune'] as const)(
    'forgets given pictures by %s',
    async (method) => {
      const model = grey();
      const forgetImages = await writePictures([null, 'a T-shirt']);
      // VDU has nothing to keep.
      const generatedRetain = method === 'vdu' ? undefined : 3;
      const settings = { method, generatedRetain, evaluationPictures: method === 'siss' ? 1 : 0 };
      const job = await prepare({ model, forgetImages, settings });
      expect(job).toMatchObject({
        forget: [{ prompt: 'anything' }],
        retain: ['anything'],
        settings: { width: 28, height: 28, method },
      });
      const events = await runTinyJob(job, makeTemporaryFolder());
      expect(events.some(({ event }) => event === 'progress')).toBe(true);
      expect(await hashCheckpoint(job.output)).not.toBe(await hashCheckpoint(model));
    },
  );

  it('is refused prompts, classes, and without pictures', async () => {
    const byClass = { model: grey(), forget: ['class 0'], isByClass: true };
    await expect(prepare(byClass)).rejects.toThrow(/has no classes: it is asked for nothing/);
    await expect(prepare({ model: grey(), forget: ['class 0'] })).rejects.toThrow(/means nothing/);
    await expect(prepare({ model: grey() })).rejects.toMatchObject({ code: 'image.none' });
    await expect(
      prepare({
        model: grey(),
        forgetImages: await writePictures([null]),
        settings: { target: { kind: 'anchor' } },
      }),
    ).rejects.toThrow(/--target uniform/);
  });
});

it('pictures of classes are drawn, as many as asked for', async () => {
  const out = makeTemporaryFolder();
  const options: SampleOptions = {
    ...{ model: classes(), class: [3, 7], negative: '', seed: 5, count: 2, steps: 2, out },
    ...{ qualityWords: '', batch: 4, device: 'cpu', threads: 1 },
  };
  await drawSamples(options, () => undefined);
  expect(readdirSync(out).sort()).toEqual(['0-5.png', '0-6.png', '1-5.png', '1-6.png']);
  const { class: _none, ...unsaid } = options;
  await expect(drawSamples(unsaid, () => undefined)).rejects.toThrow(/--class N/);
});
