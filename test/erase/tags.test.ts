import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

import { mayBeTags } from '../../src/drawing/tags/tag-list.ts';
import { parseTags } from '../../src/drawing/tags/tag.ts';
import { conceptName, deriveAnchors, deriveConcept } from '../../src/erase/anchors.ts';
import { suggest } from '../../src/erase/suggest.ts';
import { kindOfTag } from '../../src/erase/tags/tag-kinds.ts';
import { openCheckpoint } from '../../src/families/checkpoint.ts';

const model = fileURLToPath(new URL('../../presets/tiny-sd/tiny-sd.safetensors', import.meta.url));
const tiny = await openCheckpoint(model);
// Without its own words, so that suggestions are those of any model of people's.
const checkpoint = { ...tiny, condition: { ...tiny.condition, vocabularyFolder: null } };
afterAll(() => tiny.file.close());
const settings = { device: 'cpu', threads: 1 } as const;

describe('the concept of tags, and the prompt without it', () => {
  it.each([
    ['1girl, hatsune_miku, vocaloid, long_hair', 'hatsune_miku', '1girl, vocaloid, long_hair'],
    ['1girl, long hair, blue eyes, hatsune miku', 'hatsune miku', '1girl, long hair, blue eyes'],
    ['1boy, naruto, uzumaki naruto', 'uzumaki naruto', '1boy, naruto'],
    ['1girl, saber \\(fate\\), armor', 'saber \\(fate\\)', '1girl, armor'],
    ['1girl, ganyu_(genshin_impact), horns', 'ganyu_(genshin_impact)', '1girl, horns'],
    [
      'score_9, score_8_up, source_anime, 1girl, wlop',
      'wlop',
      'score_9, score_8_up, source_anime, 1girl',
    ],
    [
      'masterpiece, best quality, 1girl, asanagi, year 2023',
      'asanagi',
      'masterpiece, best quality, 1girl, year 2023',
    ],
    ['1girl, (wlop:1.2), solo', 'wlop', '1girl, solo'],
    ['1girl, artist:ask \\(askzy\\), solo', 'ask \\(askzy\\)', '1girl, solo'],
    ['1girl, blue_hair, solo, upper_body', 'blue_hair', '1girl, solo, upper_body'],
    ['1girl, rating_explicit, nude, bed', 'rating_explicit, nude', '1girl, bed'],
    ['rating:questionable, 1girl', 'rating:questionable', '1girl'],
    ['1girl, blood on face, dress', 'blood on face', '1girl, dress'],
    ['1girl, watermark, signature', 'watermark, signature', '1girl'],
    ['1girl, holding sword, sword, armor', 'holding sword, sword', '1girl, armor'],
    ['no humans, motorcycle, road', 'motorcycle', 'no humans, road'],
    ['artist:wlop', 'wlop', '1girl, solo'],
    ['saber \\(fate\\)', 'saber \\(fate\\)', 'solo'],
    ['rating_explicit', 'rating_explicit', 'solo'],
    ['signature, artist_name, watermark', 'signature, artist_name, watermark', 'simple background'],
  ])('%s', (prompt, concept, anchor) => {
    expect(deriveConcept([prompt])).toBe(concept);
    expect(deriveAnchors([prompt])).toEqual([anchor]);
  });

  it('is what several lists have, or the name that was given, and never what is kept', () => {
    const forget = ['wlop, 1girl', '1girl, wlop, blue hair, sword', '1boy, sword, wlop'];
    expect(deriveAnchors(forget)).toEqual(['1girl', '1girl, blue hair, sword', '1boy, sword']);
    const concept = 'Sword';
    expect(deriveAnchors(forget, { concept })).toEqual([
      ...['1girl', '1girl, wlop, blue hair', '1boy, wlop'],
    ]);
    const both = ['1girl, sakimichan, ningen mame'];
    expect(deriveAnchors(both, { retain: ['1girl, sakimichan'] })).toEqual(['1girl, sakimichan']);
    expect(deriveAnchors(['wlop'], { style: 'tags' })).toEqual(['1girl, solo']);
    expect(deriveAnchors(['a painting by wlop'], { style: 'tags' })).toEqual(['a painting']);
  });

  it('has a name with all its brackets', () => {
    expect(conceptName('saber \\(fate\\)')).toBe('saber \\(fate\\)');
    expect(conceptName('ganyu_(genshin_impact)')).toBe('ganyu_(genshin_impact)');
    expect(conceptName('watermark, signature')).toBe('watermark, signature');
  });
});

const asked = (forget: readonly string[], concept?: string) =>
  suggest(checkpoint, { forget, concept, style: 'tags' }, settings);
const kindsIn = (prompt: string) => parseTags(prompt).map(kindOfTag);

describe('what is suggested to a model that is asked in tags', () => {
  it.each([
    ['1girl, wlop, solo', 'artist', /^1girl, [^,]+, solo$/],
    ['1girl, artist:asanagi', 'artist', /^1girl, artist:[^,]+$/],
    ['1girl, (by rella:1.2), sky', 'artist', /^1girl, \(by [^,]+:1\.2\), sky$/],
    ['1girl, hatsune_miku, vocaloid, stage', 'character', /^1girl, [^, ]+, stage$/],
    ['1boy, uzumaki naruto', 'character', /^1boy, [^,]+$/],
    ['1girl, saber \\(fate\\), armor', 'character', /^1girl, [^,]+, armor$/],
    ['1girl, blue_hair', 'trait', /^1girl, [^, ]+$/],
    ['no humans, sword', 'thing', /^no humans, [^,]+$/],
  ])('%s: others of its kind in its place', async (prompt, kind, form) => {
    const { retain, concept } = await asked([prompt]);
    const neighbours = retain.slice(0, 12);
    for (const neighbour of neighbours) {
      expect(neighbour).toMatch(form);
      expect(kindsIn(neighbour)).toContain(kind);
      expect(neighbour.replaceAll(/\\[()]/g, '')).not.toMatch(kind === 'character' ? /[()]/ : /^$/);
    }
    expect(retain.filter((kept) => !mayBeTags(kept))).toEqual([]);
    const [own] = parseTags(concept);
    const holds = (kept: string) => parseTags(kept).some(({ name }) => name === own?.name);
    expect(retain.filter(holds)).toEqual([]);
    expect(new Set(retain).size).toBe(retain.length);
  });

  it('a sentence is asked in tags, to forget and to keep', async () => {
    const { concept, forget, retain } = await asked(['a painting in the style of Greg Rutkowski']);
    expect(concept).toBe('Greg Rutkowski');
    expect(forget).toContain('1girl, solo, greg rutkowski');
    expect(retain[0]).toMatch(/^1girl, solo, /);
    expect([...forget, ...retain].filter((prompt) => !mayBeTags(prompt))).toEqual([]);
  });

  it('what is explicit has nothing explicit for a neighbour', async () => {
    const { retain } = await asked(['1girl, nude', 'rating_explicit, 1girl']);
    expect(retain.flatMap(kindsIn)).not.toContain('explicit');
    expect(retain.some((prompt) => /swimsuit|dress|shirt/.test(prompt))).toBe(true);
  });

  it('marks have none of their kind', async () => {
    const { retain } = await asked(['watermark', '1girl, signature']);
    expect(retain.flatMap(kindsIn)).not.toContain('mark');
  });

  it('follows the model and the prompts where nobody says, and what is said before both', async () => {
    const forget = ['1girl, wlop'];
    const { retain } = await suggest(checkpoint, { forget }, settings);
    expect(retain[0]).toMatch(/^1girl, /);
    const sentences = await suggest(checkpoint, { forget: ['a dog'] }, settings);
    expect(sentences.retain[0]).toMatch(/^an? /);
    expect(sentences.forget).toContain('a photo of a dog');
    const said = await suggest(checkpoint, { forget: ['a dog'], style: 'tags' }, settings);
    expect(said.retain[0]).toMatch(/^no humans, /);
  });
});
