import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { IntlMessageFormat } from 'intl-messageformat';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { manifest } from '../../src/contract/manifest.ts';
import { errorCodes } from '../../src/errors.ts';
import { findMethod } from '../../src/methods/registry.ts';
import { parsePreset } from '../../src/presets/preset.ts';
import { formatBytes, formatDuration, formatLoss, formatShare } from '../../ui/languages/format.ts';
import { type Dictionary, languageFor, languages, speak } from '../../ui/languages/language.ts';
import { told } from '../../ui/languages/told.ts';
import { wordError } from '../../ui/languages/word-error.ts';
import { t } from '../../ui/languages/words.ts';

// What a new text needs is said in docs/extending.md, "Add a text to the page".

const ui = path.join(import.meta.dirname, '../../ui');
const presetFolder = path.join(ui, '../presets');
const dictionaries = new Map(
  Object.keys(languages)
    .filter((tag) => tag !== 'en')
    .map((tag) => {
      const json = readFileSync(path.join(ui, 'languages', `${tag}.json`), 'utf8');
      return [tag, JSON.parse(json) as Dictionary];
    }),
);
const tags = [...dictionaries.keys()];
const german = dictionaryOf('de');

function dictionaryOf(tag: string): Dictionary {
  const found = dictionaries.get(tag);
  if (!found) throw new RangeError(`no dictionary "${tag}"`);
  return found;
}

/** Names of the places and marks of a message: `{count, plural, …}`, `<b>`. */
function placesOf(message: string): string[] {
  const names = new Set<string>();
  const visit = (parts: readonly unknown[]) => {
    for (const part of parts as readonly Readonly<Record<string, unknown>>[]) {
      if (part.type !== 0 && typeof part.value === 'string') names.add(part.value);
      if (Array.isArray(part.children)) visit(part.children as unknown[]);
      for (const { value } of Object.values((part.options ?? {}) as Record<string, never>)) {
        visit(value as unknown[]);
      }
    }
  };
  visit(new IntlMessageFormat(message, 'en').getAst());
  return [...names].sort();
}

describe.each(tags)('the page in %s', (tag) => {
  const { page, program, errors } = dictionaryOf(tag);

  it('has every text that another language has, and no other', () => {
    expect(Object.keys(page).sort()).toEqual(Object.keys(german.page).sort());
    expect(Object.keys(program).sort()).toEqual(Object.keys(german.program).sort());
    expect(Object.keys(errors).sort()).toEqual(Object.keys(german.errors).sort());
  });

  it('fills the same places and marks the same as English', () => {
    const other = Object.entries({ ...page, ...program }).filter(
      ([text, words]) => placesOf(text).join() !== placesOf(words).join(),
    );
    expect(other).toEqual([]);
  });

  it('leaves no text empty', () => {
    const all = Object.entries({ ...page, ...program, ...errors });
    expect(all.filter(([, words]) => words.trim() === '')).toEqual([]);
  });
});

describe('the texts of the page', () => {
  let literals: Set<string>;
  let calls: Set<string>;
  let bare: string[];

  beforeAll(() => {
    literals = new Set();
    calls = new Set();
    bare = [];
    const files = readdirSync(ui, { recursive: true, encoding: 'utf8' });
    for (const file of files.filter((name) => /\.tsx?$/.test(name))) readSource(file);
  });

  /** Collects what a source shows: through `t` and `rich`, and past them. */
  function readSource(file: string): void {
    const text = readFileSync(path.join(ui, file), 'utf8');
    const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
    const visit = (node: ts.Node): void => {
      if (ts.isStringLiteralLike(node)) literals.add(node.text);
      if (ts.isCallExpression(node) && /^(t|rich)$/.test(node.expression.getText())) {
        const [first] = node.arguments;
        if (first && ts.isStringLiteralLike(first)) calls.add(first.text);
      }
      const shown = shownPast(node);
      if (shown !== null && /\p{Letter}{2}/u.test(shown)) bare.push(`${file}: ${shown.trim()}`);
      ts.forEachChild(node, visit);
    };
    visit(source);
  }

  it('are in the dictionaries, each of them', () => {
    expect([...calls].filter((text) => !Object.hasOwn(german.page, text))).toEqual([]);
  });

  it('are all shown somewhere: none is left over', () => {
    expect(Object.keys(german.page).filter((text) => !literals.has(text))).toEqual([]);
  });

  it('go through `t` or `rich`, so that they follow the language', () => {
    expect(bare).toEqual([]);
  });
});

describe('the texts of the program', () => {
  it('of methods, settings, devices, attacks and presets are in the dictionaries', () => {
    const { program, page } = german;
    const known = (text: string) => Object.hasOwn(program, text) || Object.hasOwn(page, text);
    expect([...toldTexts()].filter((text) => !known(text))).toEqual([]);
  });

  it('are all told somewhere: none is left over', () => {
    const sources = sourceTexts();
    const left = Object.keys(german.program).filter((text) => {
      const parts = text.split(/\{\w+\}|[:,()]|\. /).map((part) => part.trim().toLowerCase());
      return !parts.every((part) => sources.includes(part));
    });
    expect(left).toEqual([]);
  });

  it('say every error by its code', () => {
    expect(Object.keys(german.errors).sort()).toEqual([...errorCodes].sort());
  });
});

/** Names of samplers are the same everywhere. */
const untold = ['drawSampler'];

/** What the page shows of the manifest and of shipped presets. */
function toldTexts(): Set<string> {
  const { methods, devices, attacks } = manifest;
  const shown = methods.flatMap(({ settings }) => settings.filter(({ isRare }) => !isRare));
  const presets = readdirSync(presetFolder).filter((name) => name.endsWith('.yaml'));
  return new Set(
    [
      ...methods.flatMap(({ id, choice, help }) => [choice, help, findMethod(id).words.watching]),
      ...shown.flatMap(({ name, title, description, unit, value }) => [
        ...[title, description, unit],
        ...('choices' in value && !untold.includes(name) ? Object.values(value.choices) : []),
      ]),
      ...devices.map(({ title }) => title),
      ...attacks.flatMap(({ title, help, axis, limits }) => [title, help, axis, limits]),
      ...presets.flatMap((name) => {
        const text = readFileSync(path.join(presetFolder, name), 'utf8');
        const { title, summary, description, expectation, ...preset } = parsePreset(text, name);
        const { variables, images, settings } = preset;
        const asked = Object.values(variables).map((one) => one.description);
        const more = [images?.label, images?.reason, settings?.reason];
        return [title, summary, description, expectation, ...asked, ...more];
      }),
    ].filter((text) => typeof text === 'string'),
  );
}

/** All that the program may say: its sources and presets, in small letters and on one line. */
function sourceTexts(): string {
  const files = ['src', 'presets'].flatMap((folder) => {
    const place = path.join(ui, '..', folder);
    const names = readdirSync(place, { recursive: true, encoding: 'utf8' });
    return names.filter((name) => /\.(ts|yaml)$/.test(name)).map((name) => path.join(place, name));
  });
  const text = files.map((file) => readFileSync(file, 'utf8')).join('\n');
  return text.replaceAll("\\'", "'").replaceAll("''", "'").replaceAll(/\s+/g, ' ').toLowerCase();
}

describe('what the server says', () => {
  beforeAll(() => speak('de'));
  afterAll(() => speak('en'));

  it.each([
    ['Learning rate', 'Lernrate'],
    ['of 16 pictures of kept prompts show their own prompt', 'von 16 Bildern zu behaltenen'],
    ['Still shows the concept (held-back wordings)', '(zurückgehaltene Formulierungen)'],
    ['under “Learning rate”', 'unter „Lernrate“'],
    ['4 steps', '4 Schritten'],
  ])('is told in German: %s', (english, words) => {
    expect(told(english)).toContain(words);
  });

  it('stays as it is where nobody knows it', () => {
    expect(told('a text (with $1 and {braces}) from elsewhere')).toBe(
      'a text (with $1 and {braces}) from elsewhere',
    );
  });

  it('of an error is its meaning, where to change what, and its own words', () => {
    const words = wordError({
      code: 'settings.invalid',
      message: 'batch 0 is too small',
      remedy: { advice: 'Choose 1 or more', settings: [{ setting: 'batch', value: '1' }] },
    });
    expect(words).toBe(
      `${german.errors['settings.invalid'] ?? ''} Anders einstellen lässt es sich unter „Stapel“: 1. (batch 0 is too small)`,
    );
  });

  it.each([
    [() => formatBytes(2.134e9), '2,13 GB'],
    [() => formatShare(0.5), '50\u00a0%'],
    [() => formatDuration(3725), '1 h 2 min'],
    [() => formatLoss(0.0123456), '0,01235'],
    [() => formatLoss(1.5e-9), '1,500e-9'],
    [() => t('{count, plural, one {# chosen} other {# chosen}}', { count: 1234 }), '1.234 gewählt'],
  ])('has its numbers in German, %#', (format, expected) => {
    expect(format().replaceAll('\u00a0', ' ')).toBe(expected.replaceAll('\u00a0', ' '));
  });
});

/** Attributes that people read or hear. */
const spoken =
  /^(aria-label|aria-valuetext|alt|button|confirm|help|label|none|placeholder|title|what)$/;
/** The same in every language. */
const names = ['Erase Concept', 'LoRA', 'VAE', 'VAE:'];

/** What a piece of a page shows as it stands, without a look into the dictionary; null for nothing. */
function shownPast(node: ts.Node): string | null {
  if (ts.isJsxText(node)) return names.includes(node.text.trim()) ? null : node.text;
  if (!ts.isJsxAttribute(node) || !spoken.test(node.name.getText())) return null;
  const value = node.initializer;
  if (!value) return null;
  if (ts.isStringLiteral(value)) return value.text;
  if (!ts.isJsxExpression(value) || !value.expression) return null;
  return ts.isStringLiteralLike(value.expression) ? value.expression.text : null;
}

describe('the language of a visitor', () => {
  it.each([
    [['de-AT', 'en'], 'de'],
    [['pt-BR', 'es-MX'], 'es'],
    [['zh'], 'zh-CN'],
    [['zh-Hans-SG'], 'zh-CN'],
    [['zh-TW', 'ja'], 'ja'],
    [['en-US', 'de'], 'en'],
    [['eo', '*'], 'en'],
    [[], 'en'],
  ])('who reads %j is %s', (wanted, language) => {
    expect(languageFor(wanted)).toBe(language);
  });
});
