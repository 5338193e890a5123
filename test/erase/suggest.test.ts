import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

import { openCheckpoint } from '../../src/families/checkpoint.ts';
import { mentions } from '../../src/erase/anchors.ts';
import { suggest } from '../../src/erase/suggest.ts';
import { readVocabulary } from '../../src/erase/vocabulary.ts';
import { suggestPrompts } from '../../src/jobs/request/suggest-prompts.ts';
import { asStableDiffusion } from '../helpers/stable-diffusion.ts';

const model = fileURLToPath(new URL('../../presets/tiny-sd/tiny-sd.safetensors', import.meta.url));
const checkpoint = await openCheckpoint(model);
const settings = { device: 'cpu', threads: 1 } as const;
afterAll(() => checkpoint.file.close());

describe('suggest', () => {
  it('keeps the other styles where a style is forgotten', async () => {
    const forget = ['a heart in the style of Pontilla'];
    const { concept, anchors, retain } = await suggest(checkpoint, { forget }, settings);
    expect(concept).toBe('Pontilla');
    expect(anchors).toEqual(['a heart']);
    for (const style of ['Strivo', 'Krossan', 'Flatto', 'Blurrin']) {
      expect(retain.slice(0, 4)).toContain(`a heart in the style of ${style}`);
    }
    expect(retain).toContain('a heart');
    expect(retain.filter((prompt) => mentions(prompt, 'Pontilla'))).toEqual([]);
  });

  it('keeps the other things where a thing is forgotten, in the wordings of what is forgotten', async () => {
    const forget = ['a heart', 'a red heart', 'a photo of a heart'];
    const { retain } = await suggest(checkpoint, { forget }, settings);
    const things = ['circle', 'square', 'triangle', 'star', 'cross', 'ring', 'moon'];
    for (const thing of things) {
      expect(retain.slice(0, 7).filter((prompt) => prompt.endsWith(thing))).toHaveLength(1);
    }
    expect(retain.slice(0, 3).map((prompt) => prompt.replace(/\w+$/, ''))).toEqual([
      'a ',
      'a red ',
      'a photo of a ',
    ]);
    expect(retain.filter((prompt) => mentions(prompt, 'heart'))).toEqual([]);
    expect(new Set(retain).size).toBe(retain.length);
  });

  it('says the same in a process of its own', async () => {
    const forget = ['a painting in the style of Pontilla', 'a star in the style of Pontilla'];
    const here = await suggest(checkpoint, { forget }, settings);
    expect(await suggestPrompts({ model, forget })).toEqual(here);
  });

  it('takes prompts with braces and brackets as they are', async () => {
    const forget = ['a {red|blue} (heart:1.2)', 'a heart {x}'];
    const { retain } = await suggest(checkpoint, { forget, concept: 'heart' }, settings);
    expect(retain.length).toBeGreaterThan(8);
    expect(retain.filter((prompt) => mentions(prompt, 'heart'))).toEqual([]);
  });

  it('reports what is wrong with the model', async () => {
    await expect(suggestPrompts({ model: '/nowhere', forget: ['x'] })).rejects.toMatchObject({
      code: 'checkpoint.not-found',
    });
  });

  it('stops when nobody waits any more', async () => {
    const controller = new AbortController();
    const asked = suggestPrompts({ model, forget: ['a heart'] }, controller.signal);
    controller.abort(new Error('gone'));
    await expect(asked).rejects.toThrow('gone');
  });
});

describe('a prompt as a whole', () => {
  it('is the state at the end token that the whole 77 tokens give', async () => {
    const prompts = ['a red heart', 'a photo', 'a painting of a green ring in the style of Strivo'];
    const pooled = await checkpoint.condition.pool(prompts, settings);
    const encoded = await checkpoint.condition.encode(prompts, settings);
    const width = asStableDiffusion(checkpoint).architecture.unet.contextDim;
    for (const [prompt, end] of [
      ['a red heart', 4],
      ['a photo', 3],
    ] as const) {
      const state = encoded.prompts.get(prompt)?.context.slice(end * width, (end + 1) * width);
      const norm = Math.hypot(...(state ?? []));
      pooled.get(prompt)?.forEach((x, i) => {
        expect(x).toBeCloseTo((state?.[i] ?? Number.NaN) / norm, 4);
      });
    }
  });
});

describe('readVocabulary', () => {
  it('brings hundreds of words for a model that has none of its own', async () => {
    const condition = { ...checkpoint.condition, vocabularyFolder: null };
    const bare = { ...checkpoint, condition };
    const { styles, things, names, far } = await readVocabulary(bare);
    expect(styles.length + things.length + names.length).toBeGreaterThan(250);
    const all = [...styles, ...things, ...names];
    expect(all.filter((word, i) => all.indexOf(word) !== i)).toEqual([]);
    expect(far.length).toBeGreaterThan(10);
  });
});
