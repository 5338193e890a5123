import { mkdirSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import { cutToBytes, longestNameBytes, nameFault } from '../../src/checkpoint/file-name.ts';
import { chooseOutputPath, fitName, parseResultName } from '../../src/checkpoint/output-name.ts';
import { reserveOutput } from '../../src/checkpoint/output-reservation.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

const bytes = (text: string) => Buffer.byteLength(text);
const ending = '.safetensors';

describe('a name that fits', () => {
  it('keeps short names whole', () => {
    expect(fitName({ title: 'v1.5', slug: 'van-gogh', ending }, '-2', 240)).toBe(
      'v1.5-without-van-gogh-2.safetensors',
    );
  });

  it.each([
    ['a long model, ext4', '模型'.repeat(36), 'heart-oil-on-canvas', 240],
    ['a long model, eCryptfs', '模型'.repeat(36), 'heart-oil-on-canvas', 128],
    ['a long concept', 'm', '梵'.repeat(26), 100],
    ['both', 'é'.repeat(120), 'x'.repeat(80), 128],
    ['a folder', 'модель'.repeat(30), 'heart', 240],
  ])('cuts %s', (_, title, slug, max) => {
    for (const number of ['', '-2', '-1000']) {
      const name = fitName({ title, slug, ending }, number, max);
      expect(bytes(name)).toBeLessThanOrEqual(max);
      // No room is given away beyond one character.
      expect(bytes(name)).toBeGreaterThan(max - 5);
      expect(name).toMatch(new RegExp(`.-without-.+${number}\\.safetensors$`, 'u'));
      expect(name).not.toContain('\uFFFD');
    }
  });

  it('keeps the concept whole while the title has half of the room', () => {
    const slug = 'somebody-with-a-long-name';
    expect(fitName({ title: '模'.repeat(80), slug, ending }, '', 128)).toContain(
      `-without-${slug}.`,
    );
  });

  it('cuts between what reads as characters', () => {
    const family = '👨‍👩‍👧‍👦';
    expect(cutToBytes(`a${family}${family}`, 30)).toBe(`a${family}`);
    expect(cutToBytes('e\u0301e\u0301', 5)).toBe('e\u0301');
    expect(cutToBytes('क्षि', 11)).toBe('');
  });

  it('is taken apart again, be it numbered', () => {
    const name = { folder: '/m', title: 'a-without-b', slug: 'red-heart', ending };
    expect(parseResultName('/m/a-without-b-without-red-heart-12.safetensors')).toEqual(name);
    expect(parseResultName('/m/mine.sft')).toEqual({
      ...{ folder: '/m', title: 'mine', slug: '', ending: '.sft' },
    });
  });
});

describe('the longest name of a folder', () => {
  it('is what the file system takes, and less in a deep folder', async () => {
    const folder = makeTemporaryFolder();
    const longest = await longestNameBytes(folder);
    writeFileSync(path.join(folder, 'x'.repeat(longest)), '');
    if (process.platform !== 'linux') return;
    let deep = folder;
    while (bytes(deep) < 3800) deep = path.join(deep, 'd'.repeat(100));
    mkdirSync(deep, { recursive: true });
    const left = 4095 - bytes(deep) - 1;
    expect(await longestNameBytes(deep)).toBe(Math.min(longest, left));
  });

  it('is kept to by the names that are chosen, with all that is made of them', async () => {
    const folder = makeTemporaryFolder();
    const source = path.join(folder, `${'模型'.repeat(36)}.safetensors`);
    const output = await chooseOutputPath(source, 'x'.repeat(90), folder);
    const reserved = await reserveOutput(output);
    expect(reserved).toHaveProperty('release');
    expect(path.basename(await chooseOutputPath(source, 'x'.repeat(90), folder))).toMatch(
      /-2\.safetensors$/,
    );
    for (const made of [`${output}.4194304.part`, output]) writeFileSync(made, '');
    // Hosts list neither hidden files nor this ending.
    const [hidden = ''] = (await readdir(folder)).filter((name) => name.startsWith('.'));
    expect(hidden).toMatch(/^\..*\.being-written$/);
    expect(bytes(hidden)).toBeGreaterThan(bytes(`.${path.basename(output)}.4194304.part`));
  });
});

describe('a name that was given', () => {
  it.each([
    ['CON.safetensors', /"CON" is the name of a device/],
    ['nul.tar.safetensors', /"nul" is the name of a device/],
    ['com1', /device/],
    ['LPT².sft', /device/],
    ['aux .safetensors', /device/],
    ['conin$.safetensors', /device/],
    ['model.', /drops dots and spaces/],
    ['model ', /drops dots and spaces/],
    ['a\nb.safetensors', /control character/],
    ['a\x7f.safetensors', /control character/],
  ])('%j is refused', (name, fault) => {
    expect(nameFault(name, 'linux')).toMatch(fault);
  });

  it.each([
    'console.safetensors',
    'com10.sft',
    'my con.safetensors',
    'a:b?.sft',
    '模型',
    '.hidden',
  ])('%j may be one', (name) => {
    expect(nameFault(name, 'linux')).toBeNull();
  });

  it('has none of what Windows means something else by, there', () => {
    for (const letter of '<>:"|?*') expect(nameFault(`a${letter}b`, 'win32')).toMatch(/Windows/);
  });
});
