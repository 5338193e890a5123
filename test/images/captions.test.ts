import { describe, expect, it } from 'vitest';

import { readCaptions } from '../../src/images/captions.ts';

/** The captions and faults of pictures by what lies beside them; what is no text is JSON. */
async function captionsOf(images: readonly string[], files: Record<string, unknown>) {
  const { captions, faults } = await readCaptions(
    images,
    Object.entries(files).map(([name, content]) => {
      const bytes =
        content instanceof Uint8Array
          ? content
          : Buffer.from(typeof content === 'string' ? content : JSON.stringify(content));
      return { name, bytes: bytes.length, read: () => Promise.resolve(bytes) };
    }),
  );
  return {
    captions: Object.fromEntries(captions),
    faults: faults.map(({ name, problem }) => `${name} ${problem}`),
  };
}

describe('a caption beside its picture', () => {
  it.each([
    ['1.txt', 'a heart\r\n', 'a heart'],
    ['1.TXT', 'a heart', 'a heart'],
    ['1.caption', 'a heart\n', 'a heart'],
    ['1.png.txt', 'a heart', 'a heart'],
    ['1.txt', 'a heart,\r\n  in red \n\nand blue\r', 'a heart, in red and blue'],
    ['1.txt', Buffer.from('\ufeffa heart', 'utf16le'), 'a heart'],
    ['1.json', { caption: 'a heart' }, 'a heart'],
    ['1.json', { caption: 'a heart', tags: 'red, glossy' }, 'a heart, red, glossy'],
    ['1.json', { tags: 'red heart, glossy' }, 'red heart, glossy'],
    ['1.json', { tags: ['red_heart', 'solo'] }, 'red heart, solo'],
    ['1.png.json', { tag_string: '1girl long_hair ^_^' }, '1girl, long hair, ^_^'],
    ['1.json', { tags: 'hatsune_miku_(vocaloid) solo' }, 'hatsune miku \\(vocaloid\\), solo'],
    ['1.json', { tags: { general: ['red_heart'], artist: ['someone'] } }, 'red heart, someone'],
    ['1.json', { text: 'a heart', tags: ['x'] }, 'a heart'],
    ['1.json', { caption: null, prompt: 'a heart' }, 'a heart'],
    ['1.Json', Buffer.from('\ufeff{"caption":"é"}', 'utf16le'), 'é'],
  ])('%s: %j', async (name, content, caption) => {
    expect(await captionsOf(['1.png', '2.png'], { [name]: content })).toEqual({
      captions: { '1.png': caption },
      faults: [],
    });
  });

  it('is found in other case and Unicode form, its own name going first', async () => {
    const { captions, faults } = await captionsOf(['IMG_1.JPG', 'e\u0301.png', 'a.png', 'A.webp'], {
      ...{ 'img_1.txt': 'one', '\u00e9.txt': 'two', 'A.txt': 'three', 'a.png.txt': 'four' },
    });
    expect(captions).toEqual({
      ...{ 'IMG_1.JPG': 'one', 'e\u0301.png': 'two', 'A.webp': 'three', 'a.png': 'four' },
    });
    expect(faults).toEqual([]);
  });

  it('goes by .txt, .caption, .json and the folder’s list, the first that says something', async () => {
    const files: Record<string, unknown> = {
      'meta_cap.json': { '1': { caption: 'list' } },
      '1.json': { caption: 'json' },
      '1.caption': 'caption',
      '1.txt': 'text',
      '1.png.txt': 'its own',
    };
    for (const expected of ['its own', 'text', 'caption', 'json', 'list']) {
      const { captions, faults } = await captionsOf(['1.png'], files);
      expect([captions, faults]).toEqual([{ '1.png': expected }, []]);
      const last = Object.keys(files).at(-1) ?? '';
      // One that is empty says nothing; one that is not needed is not looked at.
      files[last] = last.endsWith('.json') ? { caption: ' ' } : ' \n';
      if (last.endsWith('.json')) Reflect.deleteProperty(files, last);
      else {
        const emptied = await captionsOf(['1.png'], files);
        expect(Object.values(emptied.captions)).not.toContain(expected);
        Reflect.deleteProperty(files, last);
      }
    }
    expect(await captionsOf(['1.png'], { '1.txt': 'text', '1.json': { seed: 3 } })).toEqual({
      captions: { '1.png': 'text' },
      faults: [],
    });
  });

  it.each([
    ['2.txt', Buffer.from('caf\xe9', 'latin1'), /^2.txt is not UTF-8 text \(byte 4 is 0xE9\)/],
    ['2.caption', Buffer.alloc(4), /^2.caption holds NUL/],
    ['2.json', { seed: 3, steps: 20 }, /^2.json holds no caption that is known: give it an entry/],
    ['2.json', '[1, 2]', /^2.json holds no caption/],
    ['2.json', '{"caption": ', /^2.json is not JSON/],
    ['lonely.txt', 'x', /^lonely.txt is a caption without its image/],
    [
      'workflow.json',
      { nodes: {}, links: {} },
      /^workflow.json holds no caption.* of any image here/,
    ],
    ['metadata.jsonl', '{"file_name":"9.png","text":"x"}', /of any image here/],
    ['metadata.jsonl', 'file_name,text', /^metadata.jsonl is not JSON/],
    ['2.txt', 'x'.repeat(16_385), /^2.txt has 16385 bytes/],
  ])('is refused by name: %s, %#', async (name, content, fault) => {
    const { captions, faults } = await captionsOf(['1.png', '2.png'], {
      ...{ '1.txt': 'a heart', [name]: content },
    });
    expect(captions).toEqual({ '1.png': 'a heart' });
    expect(faults).toEqual([expect.stringMatching(fault)]);
  });
});

describe('captions of a folder', () => {
  it.each([
    [
      'kohya’s, by stems',
      'meta_cap.json',
      { '1': { caption: 'a heart', tags: 'red' }, '2': { tags: 'star' } },
    ],
    [
      'kohya’s, by paths of Windows',
      'meta_lat.json',
      {
        'C:\\train\\1.png': { caption: 'a heart, red', train_resolution: [64, 64] },
        'C:\\train\\2.png': { tags: 'star' },
        'C:\\train\\3.png': { tags: 'elsewhere' },
      },
    ],
    [
      'Hugging Face’s',
      'metadata.jsonl',
      '{"file_name": "train/1.png", "text": "a heart, red"}\r\n\n{"file_name":"2.png","text":"star"}\r\n',
    ],
    [
      'a list',
      'captions.json',
      [
        { image: '/data/1.png', caption: 'a heart, red' },
        { image_path: '2.png', prompt: 'star' },
      ],
    ],
  ])('%s', async (_, name, content) => {
    expect(await captionsOf(['1.png', '2.png'], { [name]: content })).toEqual({
      captions: { '1.png': 'a heart, red', '2.png': 'star' },
      faults: [],
    });
  });

  it('go to none of several pictures of one name', async () => {
    expect(await captionsOf(['1.png', '1.png', '2.png'], { '1.txt': 'x', '2.txt': 'y' })).toEqual({
      captions: { '2.png': 'y' },
      faults: [expect.stringMatching(/^1.txt may be of any of several images of one name/)],
    });
  });
});
