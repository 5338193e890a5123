import sharp from 'sharp';
import { describe, expect, it } from 'vitest';

import type { SamplerName } from '../../src/diffusion/samplers/registry.ts';
import { formatGenerationParameters } from '../../src/images/generation-parameters.ts';
import { fromRgbBytes, type PixelImage, toRgbBytes } from '../../src/images/pixels.ts';
import { encodePng } from '../../src/images/png.ts';

const image: PixelImage = {
  // 2×1 pixels: red goes from -1 to 1, green is 0, blue lies outside the range and is NaN.
  data: new Float32Array([-1, 1, 0, 0, 1.5, NaN]),
  width: 2,
  height: 1,
};

/** Every text chunk of a PNG by keyword, with its type, as the PNG specification defines them. */
function readTextChunks(png: Buffer): Record<string, { type: string; text: string }> {
  const chunks: Record<string, { type: string; text: string }> = {};
  for (let at = 8; at < png.length; at += 12 + png.readUInt32BE(at)) {
    const type = png.toString('latin1', at + 4, at + 8);
    const data = png.subarray(at + 8, at + 8 + png.readUInt32BE(at));
    const keywordEnd = data.indexOf(0);
    const keyword = data.toString('latin1', 0, keywordEnd);
    if (type === 'tEXt') chunks[keyword] = { type, text: data.toString('latin1', keywordEnd + 1) };
    if (type === 'iTXt') chunks[keyword] = { type, text: data.toString('utf8', keywordEnd + 5) };
  }
  return chunks;
}

describe('encodePng', () => {
  it('writes the pixels, clamped to the range', async () => {
    const { data, info } = await sharp(await encodePng(image))
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect([info.width, info.height, info.channels]).toEqual([2, 1, 3]);
    expect([...data]).toEqual([0, 128, 255, 255, 128, 0]);
  });

  it('writes Latin-1 text as tEXt and any other as iTXt', async () => {
    const png = await encodePng(image, { parameters: 'café\nSteps: 20', other: '猫 🐈' });
    expect(readTextChunks(png)).toEqual({
      parameters: { type: 'tEXt', text: 'café\nSteps: 20' },
      other: { type: 'iTXt', text: '猫 🐈' },
    });
  });

  it('writes text that an independent reader finds in a whole file', async () => {
    const png = await encodePng(image, { parameters: 'a cat, Steps: 20', more: '猫' });
    const { comments } = await sharp(png, { failOn: 'warning' }).metadata();
    expect(comments).toEqual([
      { keyword: 'parameters', text: 'a cat, Steps: 20' },
      { keyword: 'more', text: '猫' },
    ]);
  });

  it('refuses data that is not of its size', async () => {
    await expect(encodePng({ ...image, width: 3 })).rejects.toThrow(RangeError);
  });
});

describe('the pixel codecs', () => {
  it('give back every one of the 256 levels', () => {
    const bytes = Buffer.from(Array.from({ length: 256 * 3 }, (_, i) => (i * 7) % 256));
    expect(toRgbBytes(fromRgbBytes(bytes, 32, 8)).equals(bytes)).toBe(true);
  });

  it('refuse bytes that are not of the size', () => {
    expect(() => fromRgbBytes(new Uint8Array(5), 2, 1)).toThrow(RangeError);
  });
});

describe('formatGenerationParameters', () => {
  const parameters = {
    prompt: 'a red star, dots',
    steps: 20,
    sampler: 'DDIM' as const,
    guidanceScale: 7.5,
    seed: 1,
    width: 512,
    height: 768,
    model: 'tiny-sd',
  };

  it('writes the lines that AUTOMATIC1111 writes', () => {
    expect(formatGenerationParameters({ ...parameters, negativePrompt: 'blurry' })).toBe(
      'a red star, dots\nNegative prompt: blurry\n' +
        'Steps: 20, Sampler: DDIM, CFG scale: 7.5, Seed: 1, Size: 512x768, Model: tiny-sd',
    );
  });

  it('leaves out a negative prompt that is absent or empty', () => {
    const text = formatGenerationParameters({ ...parameters, negativePrompt: '' });
    expect(text.split('\n')).toHaveLength(2);
    expect(formatGenerationParameters(parameters)).toBe(text);
  });

  it('tells schedules apart, as AUTOMATIC1111 would take one of its own where none is told', () => {
    const written = (sampler: SamplerName) =>
      formatGenerationParameters({ ...parameters, sampler }).split('CFG')[0];
    expect(written('DPM++ 2M')).toMatch(/Sampler: DPM\+\+ 2M, Schedule type: Uniform, $/);
    expect(written('Euler a Karras')).toMatch(/Sampler: Euler a, Schedule type: Karras, $/);
  });

  it('quotes a model name that holds a separator', () => {
    expect(formatGenerationParameters({ ...parameters, model: 'a, b' })).toMatch(/Model: "a, b"$/);
  });
});
