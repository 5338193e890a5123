import { writeFile } from 'node:fs/promises';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import { chooseOutputPath } from '../../src/checkpoint/output-name.ts';
import { configPathOf, slugify } from '../../src/checkpoint/output-path.ts';
import { makeFolder } from './safetensors-fixtures.ts';

describe('the default name of a scrubbed model', () => {
  it('tells the original and the concept, and counts where it is taken', async () => {
    const folder = await makeFolder();
    const source = path.join(folder, 'v1.5 pruned.safetensors');
    const first = await chooseOutputPath(source, 'Van Gogh');
    expect(first).toBe(path.join(folder, 'v1.5 pruned-without-van-gogh.safetensors'));
    await writeFile(first, '');
    const second = await chooseOutputPath(source, 'Van Gogh');
    expect(second).toBe(path.join(folder, 'v1.5 pruned-without-van-gogh-2.safetensors'));
    await writeFile(configPathOf(second), '');
    expect(path.basename(await chooseOutputPath(source, 'Van Gogh'))).toBe(
      'v1.5 pruned-without-van-gogh-3.safetensors',
    );
  });
});

describe('a concept in a file name', () => {
  it.each([
    ['in the style of Pontilla', 'in-the-style-of-pontilla'],
    ['../../etc/passwd', 'etc-passwd'],
    ['a<b>:"c"/\\|?*\0\n.', 'a-b-c'],
    ['CON.', 'con'],
    ['Ünïcode 梵高', 'ünïcode-梵高'],
    ['  …  ', 'concept'],
    ['', 'concept'],
  ])('%j becomes %j', (concept, slug) => {
    expect(slugify(concept)).toBe(slug);
  });

  it('stays short without cutting a character or ending in a hyphen', () => {
    expect(slugify('x'.repeat(500))).toHaveLength(80);
    expect(Buffer.byteLength(slugify('梵'.repeat(500)))).toBe(78);
    expect(slugify(`${'x'.repeat(79)} yz`)).toBe('x'.repeat(79));
  });
});
