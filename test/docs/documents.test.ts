import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

import { addCommands } from '../../src/cli/add-commands.ts';
import { createProgram } from '../../src/cli/program.ts';
import { openTerminal } from '../../src/cli/terminal.ts';
import { readConfig } from '../../src/config.ts';
import { errorCodes } from '../../src/errors.ts';

const pages = readdirSync('docs').filter((name) => name.endsWith('.md'));
const documents = [
  'README.md',
  ...pages.map((name) => `docs/${name}`),
  'presets/README.md',
  '.github/CONTRIBUTING.md',
  '.github/SECURITY.md',
];
const read = (file: string) => readFileSync(file, 'utf8');

/** Names of headings as links call them, those of GitHub and VitePress where both agree. */
function anchorsOf(file: string): string[] {
  const titles = [...read(file).matchAll(/^#+ (.+)$/gm)].map(([, title = '']) => title);
  return titles.map((title) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** Options of web UIs, of npm, and of the benches, that the documents speak of. */
const optionsOfOthers = [
  ...['--listen', '--api', '--api-auth', '--gradio-auth', '--auth-file', '--insecure', '--flag'],
  ...['--enable-insecure-extension-access', '--fp'],
  ...['--project', '--omit'],
  ...[
    '--folder',
    '--jobs',
    '--last',
    '--likely',
    '--mixed',
    '--norm',
    '--others',
    '--pages',
    '--without-shirt',
    '--work',
    '--minutes',
    '--only',
    '--pictures',
    '--samples',
    '--python',
    '--write',
    '--rate',
    '--operators',
    '--repeats',
    '--rounds',
    '--seconds',
  ],
  '--settings',
];
const known = new Set([...optionsOfCommands(), ...optionsOfOthers]);

describe('the documents', () => {
  it.each(documents)('%s names only files and folders that are there', (file) => {
    const code = [...read(file).matchAll(/`((?:src|test|routes|ui|docs|presets)\/[\w./-]+)`/g)];
    const named = code.map(([, name = '']) => name.replace(/\/$/, ''));
    const isThere = (name: string) =>
      existsSync(name) || existsSync(`${name}.ts`) || existsSync(`${name}.test.ts`);
    expect(named.filter((name) => !isThere(name))).toEqual([]);
  });

  it.each(documents)('%s links only to pages and headings that are there', (file) => {
    const links = [...read(file).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)];
    const dead = links.filter(([, target = '', heading]) => {
      const page = target ? path.join(path.dirname(file), target) : file;
      if (!existsSync(page)) return true;
      return heading !== undefined && !anchorsOf(page).includes(heading);
    });
    expect(dead.map(([link]) => link)).toEqual([]);
  });

  it.each(documents)('%s names only commands of package.json', (file) => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = [...read(file).matchAll(/npm run\s+([\w:]+)/g)].map(([, name = '']) => name);
    expect(named.filter((name) => !scripts[name])).toEqual([]);
  });

  it.each(documents)('%s names only options that a command has', (file) => {
    const named = [...read(file).matchAll(/(?<=[\s`(])--[a-z][a-z-]+/g)].map(([name]) => name);
    expect([...new Set(named)].filter((name) => !known.has(name))).toEqual([]);
  });

  it('SECURITY.md names only tests that are there', () => {
    const named = [...read('.github/SECURITY.md').matchAll(/`(test\/[\w/.-]+\.ts)` “([^”]+)”/g)];
    expect(named.length).toBeGreaterThan(15);
    const gone = named.filter(([, file = '', name = '']) => !read(file).includes(name));
    expect(gone.map(([claim]) => claim)).toEqual([]);
  });

  it('are all linked from README.md', () => {
    const text = read('README.md');
    const left = documents.filter((file) => file.startsWith('docs/') && !text.includes(file));
    // The site's first page says what README says, and its page on security shows SECURITY.md.
    expect(left.sort()).toEqual(['docs/index.md', 'docs/security.md']);
  });

  it('are all in the sidebar of the site', () => {
    const config = read('docs/.vitepress/config.ts');
    const names = pages.map((name) => name.replace('.md', ''));
    expect(names.filter((name) => !config.includes(`, '${name}')`))).toEqual(['index']);
  });

  it('README.md is short', () => {
    expect(read('README.md').split('\n').length).toBeLessThanOrEqual(150);
  });

  it('README.md has only numbers that a page of docs has too', () => {
    const [, table = ''] = /## Numbers\n([\s\S]*?)\n## /.exec(read('README.md')) ?? [];
    const figures = table.match(/\d+\.\d+( → \d+\.\d+)?/g) ?? [];
    expect(figures.length).toBeGreaterThan(15);
    const text = pages.map((name) => read(`docs/${name}`)).join('\n');
    const isIn = (figure: string) => figure.split(' → ').every((number) => text.includes(number));
    expect(figures.filter((figure) => !isIn(figure))).toEqual([]);
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

  it('presets.md lists the presets that come with the program, by their names and titles', () => {
    const shipped = readdirSync('presets').filter((name) => name.endsWith('.yaml'));
    const rows = [...read('docs/presets.md').matchAll(/^\| `([\w-]+)` +\| (.+?) +\|/gm)];
    expect(rows.map(([, name = '']) => `${name}.yaml`).sort()).toEqual(shipped.sort());
    for (const [, name = '', title] of rows) {
      expect(parse(read(`presets/${name}.yaml`))).toMatchObject({ title });
    }
  });

  it('architecture.md names every folder of src', () => {
    const folders = readdirSync('src', { withFileTypes: true }).filter((entry) =>
      entry.isDirectory(),
    );
    const text = read('docs/architecture.md');
    const missing = folders.filter(({ name }) => !text.includes(`| \`src/${name}\``));
    expect(missing.map(({ name }) => name)).toEqual([]);
  });
});

function optionsOfCommands(): string[] {
  const terminal = openTerminal();
  const program = createProgram(terminal, { json: false });
  const chooseDevice = () => Promise.resolve('cpu' as const);
  addCommands(program, { terminal, config: readConfig({}), chooseDevice });
  const options = program.commands.flatMap((command) => [...command.options, program.options[0]]);
  return [...options.map((option) => option?.long ?? ''), '--help', '--version'];
}
