import { describe, expect, it } from 'vitest';

import { guessDrawing } from '../../src/drawing/guess.ts';
import { styleOfPrompts, styleOfTagFrequency } from '../../src/drawing/prompt-style.ts';
import { parseTags, writeTag } from '../../src/drawing/tags/tag.ts';
import { openCheckpoint } from '../../src/families/checkpoint.ts';

describe('what prompts to forget say of how a model is asked', () => {
  it.each([
    ...[
      '1girl, hatsune_miku',
      '2boys, fighting',
      'solo, wlop',
      'no humans, sword',
      '6+girls, stage',
    ],
    ...[
      'score_9, score_8_up, nude',
      'source_pony, twilight sparkle',
      'rating_explicit',
      'rating:explicit',
    ],
    ...[
      'artist:wlop',
      '1girl, (wlop:1.2)',
      'saber \\(fate\\), armor',
      'ganyu_(genshin_impact)',
      'blue_hair',
    ],
    ...[
      'masterpiece, best quality, 1girl, by wlop',
      'hatsune miku, vocaloid',
      'blue hair, red eyes',
    ],
    ...['<lora:x:1>, 1girl', '1girl, in the style of wlop', '1girl,\nsolo'],
  ])('%s: tags', (prompt) => {
    expect(styleOfPrompts([prompt])).toBe('tags');
  });

  it.each([
    ...['a heart', 'a photo of a dog', 'a painting in the style of Greg Rutkowski', 'watermark'],
    ...['a photo of 1girl standing in the rain', 'cyberpunk city, neon lights, rain, 8k'],
    ...['masterpiece, best quality, photo of dog', 'portrait of woman, blue eyes, long hair'],
    ...[
      'RAW photo, blue eyes, long hair, dslr',
      'by greg rutkowski',
      'oil painting, village, sunset',
    ],
    ...[
      'Van Gogh, starry night, oil on canvas',
      'girl with a pearl earring, solo',
      'nude, woman, bed',
    ],
    ...['photo of ohwx_man', 'an astronaut, riding a horse', 'ein Hund, ein Haus'],
  ])('%s: nothing', (prompt) => {
    expect(styleOfPrompts([prompt])).toBeUndefined();
  });

  it('a sentence among them says that tags are only some of the words', () => {
    expect(styleOfPrompts(['1girl, wlop', 'a painting by wlop'])).toBeUndefined();
    expect(styleOfPrompts(['wlop', '1girl, wlop'])).toBe('tags');
  });
});

describe('what the captions of a training say', () => {
  it.each([
    [{ '10_a': { '1girl': 40, solo: 38, 'long hair': 20, smile: 9, wlop: 40 } }, 'tags'],
    [{ a: { blue_hair: 10, red_eyes: 9 }, b: { sword: 3 } }, 'tags'],
    [{ a: { 'a photo of a dog on a lawn': 1, 'a dog in the snow': 1, sitting: 1 } }, 'sentences'],
    [{ a: { 'sks dog': 12 } }, undefined],
    [{}, undefined],
  ])('%j: %s', (frequency, style) => {
    expect(styleOfTagFrequency(JSON.stringify(frequency))).toBe(style);
  });

  it.each([undefined, '', 'nothing', '[1]', '{"a":{"b":"c"}}', 'null'])('%s: nothing', (text) => {
    expect(styleOfTagFrequency(text)).toBeUndefined();
  });
});

it('a model that was trained from one that is asked in tags is asked so, and that is said', async () => {
  const checkpoint = await openCheckpoint('presets/tiny-sd/tiny-sd.safetensors');
  const { file, facts } = checkpoint;
  const withMetadata = (entries: Readonly<Record<string, string>>) =>
    guessDrawing({
      ...checkpoint,
      file: { ...file, path: '/m/x.safetensors', metadata: new Map(Object.entries(entries)) },
      facts: { ...facts, title: 'SDXL' },
    });
  const pony = withMetadata({ ss_sd_model_name: 'ponyDiffusionV6XL.safetensors' });
  expect(pony.draws).toMatchObject({ promptStyle: 'tags', clipSkip: 2 });
  expect(pony.sources.promptStyle).toBe(
    'ss_sd_model_name in its metadata: “ponydiffusionv6xl” (Pony Diffusion V6 XL)',
  );
  // Its training has undone the distillation.
  expect(withMetadata({ ss_sd_model_name: 'sdxl_lightning_4step' }).draws).toEqual({});
  const sentences = { 'a cat on a mat': 3 };
  const said = withMetadata({
    ss_tag_frequency: JSON.stringify({ sentences }),
    'modelspec.title': 'Pony Diffusion',
  });
  expect(said.draws.promptStyle).toBe('sentences');
  await file.close();
});

it.each([
  ['((wlop:1.2))', 'wlop', ''],
  ['[wlop]', 'wlop', ''],
  ['artist: wlop', 'wlop', 'artist: '],
  ['by_greg_rutkowski', 'greg rutkowski', 'by_'],
  ['saber \\(fate\\)', 'saber (fate)', ''],
  ['(saber \\(fate\\):1.3)', 'saber (fate)', ''],
  ['Ganyu_(Genshin_Impact)', 'ganyu (genshin impact)', ''],
  ['(Ganyu_(Genshin_Impact):0.9)', 'ganyu (genshin impact)', ''],
  ['score_9', 'score 9', ''],
  ['honkai: star rail', 'honkai: star rail', ''],
  ['2b \\(nier:automata\\)', '2b (nier:automata)', ''],
])('the tag %s is called %s', (text, name, lead) => {
  expect(parseTags(text)).toMatchObject([{ text, name, lead }]);
});

it('a name becomes a tag that web UIs do not weigh', () => {
  expect(writeTag('Saber (Fate)', { underscores: false })).toBe('saber \\(fate\\)');
  expect(writeTag('Saber \\(Fate\\)', { underscores: true })).toBe('saber_\\(fate\\)');
});
