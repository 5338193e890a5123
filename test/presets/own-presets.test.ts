import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { parseYaml } from '../../src/parse-yaml.ts';
import { listPresets } from '../../src/presets/load-presets.ts';
import {
  addPreset,
  deletePreset,
  importPreset,
  replacePreset,
} from '../../src/presets/own-presets.ts';
import { formatPreset, type PresetDraft } from '../../src/presets/preset.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

const draft: PresetDraft = {
  title: 'Garden gnomes',
  description: 'No gnomes.',
  forget: ['a garden gnome', 'a gnome on a lawn'],
  retain: ['a statue'],
  expectation: 'Lawns.',
};
const filesOf = (data: string) => readdirSync(join(data, 'presets'));
const ownOf = async (data: string) =>
  (await listPresets(data)).presets.filter(({ isOwn }) => isOwn).map(({ preset }) => preset.name);

describe('addPreset', () => {
  it('names a preset after its title, and the next one of that title with a number', async () => {
    const data = makeTemporaryFolder();
    const names = await Promise.all([1, 2, 3].map(() => addPreset(data, draft)));
    expect(names.map(({ name }) => name).sort()).toEqual([
      'garden-gnomes',
      'garden-gnomes-2',
      'garden-gnomes-3',
    ]);
    expect(filesOf(data)).toHaveLength(3);
  });

  it.each([
    ['a shipped name', 'Nudity', 'nudity-2'],
    ['a path', '../../etc/passwd', 'etc-passwd'],
    ['letters with marks', 'Für Élise', 'fur-elise'],
    ['another script', 'Стиль', 'preset'],
    ['a device of Windows', 'CON', 'preset'],
    ['a long one', 'x'.repeat(200), 'x'.repeat(56)],
  ])('makes a safe name of %s', async (_, title, name) => {
    const data = makeTemporaryFolder();
    expect((await addPreset(data, { ...draft, title })).name).toBe(name);
    expect(filesOf(data)).toEqual([`${name}.yaml`]);
  });

  it.each([
    ['an unknown field', { ...draft, shell: 'rm' }],
    ['no prompt', { ...draft, forget: [] }],
    ['an undeclared variable', { ...draft, forget: ['a {thing}'] }],
    ['a polluting key', JSON.parse('{"__proto__": {"isOwn": true}}') as PresetDraft],
    ['too much', { ...draft, retain: Array.from({ length: 999 }, () => 'x'.repeat(200)) }],
  ])('refuses %s and writes nothing', async (_, wrong) => {
    const data = makeTemporaryFolder();
    await expect(addPreset(data, wrong)).rejects.toMatchObject({ code: 'preset.invalid' });
    expect(existsSync(join(data, 'presets'))).toBe(false);
    expect(({} as { isOwn?: boolean }).isOwn).toBeUndefined();
  });

  it('says so where it cannot write', async () => {
    const data = makeTemporaryFolder();
    writeFileSync(join(data, 'presets'), 'a file in the way');
    await expect(addPreset(data, draft)).rejects.toMatchObject({ code: 'output.unwritable' });
  });
});

describe('replacePreset and deletePreset', () => {
  it('change and remove one of the own', async () => {
    const data = makeTemporaryFolder();
    const { name } = await addPreset(data, draft);
    await replacePreset(data, name, { ...draft, title: 'Gnomes' });
    const { presets } = await listPresets(data);
    expect(presets.find(({ isOwn }) => isOwn)?.preset).toMatchObject({ name, title: 'Gnomes' });
    await deletePreset(data, name);
    expect(filesOf(data)).toEqual([]);
  });

  it('leave the old one whole where the new one is wrong', async () => {
    const data = makeTemporaryFolder();
    const { name } = await addPreset(data, draft);
    const before = readFileSync(join(data, 'presets', `${name}.yaml`), 'utf8');
    await expect(replacePreset(data, name, { ...draft, retain: [] })).rejects.toMatchObject({
      code: 'preset.invalid',
    });
    expect(readFileSync(join(data, 'presets', `${name}.yaml`), 'utf8')).toBe(before);
    expect(filesOf(data)).toEqual([`${name}.yaml`]);
  });

  it.each([
    ['nudity', 'preset.shipped'],
    ['nobody', 'preset.not-found'],
    ['../presets/garden-gnomes', 'preset.not-found'],
    ['garden-gnomes\0', 'preset.not-found'],
  ])('refuse %j', async (name, code) => {
    const data = makeTemporaryFolder();
    await addPreset(data, draft);
    await expect(deletePreset(data, name)).rejects.toMatchObject({ code });
    await expect(replacePreset(data, name, draft)).rejects.toMatchObject({ code });
    expect(await ownOf(data)).toEqual(['garden-gnomes']);
  });
});

describe('importPreset', () => {
  const text = formatPreset({ name: 'gnomes', variables: {}, ...draft } as never);

  it('takes over what was exported', async () => {
    const [from, to] = [makeTemporaryFolder(), makeTemporaryFolder()];
    const saved = await addPreset(from, draft);
    expect(await importPreset(to, formatPreset(saved))).toEqual(saved);
    expect(await ownOf(to)).toEqual(['garden-gnomes']);
  });

  it('takes over a list of concepts, as it was', async () => {
    const [from, to] = [makeTemporaryFolder(), makeTemporaryFolder()];
    const { forget: _, ...words } = draft;
    const concepts = [{ name: 'gnome', forget: ['a garden gnome'] }];
    const saved = await addPreset(from, { ...words, concepts });
    expect(saved).toMatchObject({ forget: [], concepts });
    const text = formatPreset(saved);
    expect(parseYaml(text)).not.toHaveProperty('forget');
    expect(await importPreset(to, text)).toEqual(saved);
  });

  it('exports every shipped preset as what it is', async () => {
    const data = makeTemporaryFolder();
    for (const { preset } of (await listPresets('/nowhere')).presets) {
      const copy = { ...preset, name: `my-${preset.name}` };
      expect(await importPreset(data, formatPreset(copy))).toEqual(copy);
    }
  });

  it.each(['gnomes', 'nudity'])('replaces nothing: %s', async (name) => {
    const data = makeTemporaryFolder();
    await importPreset(data, text);
    const again = importPreset(data, text.replace('name: gnomes', `name: ${name}`));
    await expect(again).rejects.toMatchObject({ code: 'preset.exists', httpStatus: 409 });
    expect(filesOf(data)).toEqual(['gnomes.yaml']);
  });

  it.each([
    ['a path for a name', text.replace('name: gnomes', 'name: ../../gnomes')],
    ['a name of no characters', text.replace('name: gnomes', 'name: ""')],
    ['aliases', text.replace('a statue', '&a statue\n  - *a')],
    ['aliases that unfold to gigabytes', bomb()],
    ['a polluting key', `${text}__proto__: {isOwn: true}\n`],
    ['a polluting variable', `${text}variables: {__proto__: {description: d, example: e}}\n`],
    ['merge keys', `${text}<<: {title: x}\n`],
    ['nesting without end', '['.repeat(60_000)],
    ['nesting within one line', '- '.repeat(30_000)],
    ['nesting by indentation', stairs()],
    ['flow maps without end', '{a: '.repeat(16_000)],
    ['two documents', `${text}---\n${text}`],
    ['more bytes than a preset has', `${text}# ${'x'.repeat(140_000)}`],
    ['thousands of mistakes', `forget: [${'1, '.repeat(15_000)}]`],
    ['thousands of commas', `forget: [${','.repeat(60_000)}`],
    ['thousands of anchors', '&a '.repeat(20_000)],
    ['thousands of keys', Array.from({ length: 6000 }, (_, i) => `k${i}: 1`).join('\n')],
    ['no preset at all', '\u0000\u0001 PNG'],
    ['nothing', ''],
  ])('refuses %s in a few words', async (_, hostile) => {
    const data = makeTemporaryFolder();
    const started = performance.now();
    await expect(importPreset(data, hostile)).rejects.toSatisfy((error) => {
      expect(error).toMatchObject({ code: 'preset.invalid' });
      expect((error as Error).message.length).toBeLessThan(1000);
      return true;
    });
    // Minutes, where the parser is let at them; a tenth of a second here.
    expect(performance.now() - started).toBeLessThan(5000);
    expect(existsSync(join(data, 'presets'))).toBe(false);
    expect(({} as { isOwn?: boolean }).isOwn).toBeUndefined();
  });
});

describe('listPresets', () => {
  it('tells which are the own, and which file is broken, without hiding others', async () => {
    const data = makeTemporaryFolder();
    await addPreset(data, draft);
    writeFileSync(join(data, 'presets', 'broken.yaml'), 'forget: [');
    mkdirSync(join(data, 'presets', 'folder.yaml'));
    // As Windows' editor saves them: as "Unicode", and as "ANSI".
    const text = formatPreset({ name: 'wide', variables: {}, ...draft } as never);
    writeFileSync(join(data, 'presets', 'wide.yaml'), Buffer.from(`\ufeff${text}`, 'utf16le'));
    writeFileSync(join(data, 'presets', 'ansi.yaml'), Buffer.from('# caf\xe9', 'latin1'));
    const { presets, faults } = await listPresets(data);
    expect(presets.length).toBeGreaterThan(15);
    expect(await ownOf(data)).toEqual(['garden-gnomes', 'wide']);
    expect(faults.map(({ name }) => name)).toEqual(['ansi', 'broken', 'folder']);
    expect(faults[0]?.message).toMatch(/ansi\.yaml" is not UTF-8.*save it as UTF-8/);
    expect(faults[1]?.message).toContain('Correct the file');
  });
});

/** As deep as 60,000 characters allow, a level a line. */
function stairs(): string {
  return Array.from({ length: 340 }, (_, i) => `${' '.repeat(i)}a:`).join('\n');
}

/** Nine levels of nine: a billion items, were aliases taken. */
function bomb(): string {
  const levels = Array.from(
    { length: 9 },
    (_, i) => `l${i + 1}: &l${i + 1} [${Array(9).fill(`*l${i}`).join()}]`,
  );
  return [`l0: &l0 [${Array(9).fill('x').join()}]`, ...levels].join('\n');
}
