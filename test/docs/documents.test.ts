import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { errorCodes } from '../../src/errors.ts';

const documents = [
  'README.md',
  'docs/architecture.md',
  'docs/extending.md',
  'docs/runtime.md',
  'docs/troubleshooting.md',
  '.github/CONTRIBUTING.md',
];
const read = (file: string) => readFileSync(file, 'utf8');

describe('the documents', () => {
  it.each(documents)('%s names only files and folders that are there', (file) => {
    const code = [...read(file).matchAll(/`((?:src|test|routes|ui|docs|presets)\/[\w./-]+)`/g)];
    const named = code.map(([, name = '']) => name.replace(/\/$/, ''));
    const isThere = (name: string) =>
      existsSync(name) || existsSync(`${name}.ts`) || existsSync(`${name}.test.ts`);
    expect(named.filter((name) => !isThere(name))).toEqual([]);
  });

  it.each(documents)('%s links only to pages that are there', (file) => {
    const links = [...read(file).matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)];
    const targets = links.map(([, target = '']) => path.join(path.dirname(file), target));
    expect(targets.filter((target) => !existsSync(target))).toEqual([]);
  });

  it('extending.md quotes files word for word, but for the indentation', () => {
    const flush = (text: string) => text.replaceAll(/^ +/gm, '');
    const blocks = [...read('docs/extending.md').matchAll(/^`(\S+)`\n\n```\w+\n([\s\S]*?)```$/gm)];
    expect(blocks.length).toBeGreaterThan(3);
    for (const [, file = '', block = ''] of blocks) {
      const source = flush(read(file));
      let from = 0;
      for (const part of flush(block).split(/^…\n/m)) {
        const found = source.indexOf(part, from);
        expect(found, `${file}: ${part}`).toBeGreaterThanOrEqual(0);
        from = found + part.length;
      }
    }
  });

  it('troubleshooting.md explains every error, and no other', () => {
    const explained = [...read('docs/troubleshooting.md').matchAll(/^\| `([a-z-]+\.[a-z-]+)`/gm)];
    expect(explained.map(([, code]) => code).sort()).toEqual([...errorCodes].sort());
  });

  it('architecture.md names every folder of src', () => {
    const folders = readdirSync('src', { withFileTypes: true }).filter((entry) =>
      entry.isDirectory(),
    );
    const text = read('docs/architecture.md');
    const missing = folders.filter(({ name }) => !text.includes(`| \`src/${name}\``));
    expect(missing.map(({ name }) => name)).toEqual([]);
  });

  it('name every command of package.json that CONTRIBUTING.md speaks of', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = [...read('.github/CONTRIBUTING.md').matchAll(/npm run ([\w:]+)/g)];
    expect(named.map(([, name = '']) => name).filter((name) => !scripts[name])).toEqual([]);
  });
});
