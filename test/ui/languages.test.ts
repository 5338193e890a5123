import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { IntlMessageFormat } from 'intl-messageformat';
import ts from 'typescript';
import { beforeAll, describe, expect, it } from 'vitest';

import { type Dictionary, languageFor, languages } from '../../ui/languages/language.ts';

// What a new text needs is said in docs/extending.md, "Add a text to the page".

const ui = path.join(import.meta.dirname, '../../ui');
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
