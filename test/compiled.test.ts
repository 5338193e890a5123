import { cp, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeEach, describe, expect, it } from 'vitest';

import { makeTemporaryFolder } from './helpers/temporary-folder.ts';

const root = path.resolve(import.meta.dirname, '..');
let folder: string;

describe('a program compiled at its start', () => {
  beforeEach(async () => {
    folder = makeTemporaryFolder();
    for (const part of ['src', 'routes', 'ui', 'node_modules'])
      await mkdir(path.join(folder, part));
    await symlink(
      path.join(root, 'node_modules', 'esbuild'),
      path.join(folder, 'node_modules', 'esbuild'),
    );
    for (const module of ['src/compiled.mjs', 'src/compile.mjs']) {
      await cp(path.join(root, module), path.join(folder, module));
    }
    await writeFile(path.join(folder, 'package.json'), '{ "type": "module", "version": "1.2.3" }');
    await writeModules('first');
  });

  it('keeps its modules apart, each with its data, its workers and what it loads later', async () => {
    const twin = await compiledTwin('first');
    const { default: compiled } = (await import(twin?.href ?? '')) as {
      default: () => Promise<Record<string, string>>;
    };
    const { word, version, worker, late } = await compiled();
    expect({ word, version, late }).toEqual({ word: 'first', version: '1.2.3', late: 'late' });
    expect(worker).toBe(new URL('./late.mjs', twin ?? '').href);
    expect(await readdir(path.dirname(twin?.pathname ?? ''))).toContain('data.yaml');
    const page = new URL('../page/index.html', twin ?? '');
    expect(await readFile(page, 'utf8')).toBe('the page');
  });

  it('is compiled once, and again after a change', async () => {
    const once = await compiledTwin('a');
    expect((await compiledTwin('b'))?.href).toBe(once?.href);
    await writeModules('second, longer');
    expect((await compiledTwin('c'))?.href).not.toBe(once?.href);
  });

  it('is taken as it was built where the sources are not there', async () => {
    await rm(path.join(folder, 'src', 'main.ts'));
    const built = pathToFileURL(path.join(folder, 'dist', 'src', 'main.mjs'));
    expect((await compiledTwin('f'))?.href).toBe(built.href);
  });

  it('leaves alone what is not its own, and does without where it cannot be compiled', async () => {
    expect(await compiledTwin('d', '../elsewhere.ts')).toBeNull();
    await writeFile(path.join(folder, 'src', 'main.ts'), 'no TypeScript at all');
    expect(await compiledTwin('e')).toBeNull();
    const cache = path.join(folder, 'node_modules', '.cache', 'erase-concept');
    expect((await readdir(cache)).filter((name) => name.startsWith('draft'))).toEqual([]);
  });
});

/** What a process, told apart by `query`, is given for a module. */
async function compiledTwin(query: string, module = 'main.ts'): Promise<URL | null> {
  const src = pathToFileURL(path.join(folder, 'src', '/'));
  const own = (await import(`${new URL('compiled.mjs', src).href}?${query}`)) as {
    compiledTwin: (module: URL) => Promise<URL | null>;
  };
  return own.compiledTwin(new URL(module, src));
}

async function writeModules(word: string): Promise<void> {
  const src = path.join(folder, 'src');
  await writeFile(path.join(src, 'data.yaml'), 'a: 1');
  const page = `export const bundlePage = async () => new Map([['index.html', 'the page']]);`;
  await writeFile(path.join(src, 'bundle-page.ts'), page);
  await writeFile(path.join(src, 'late.ts'), `export const late: string = 'late';`);
  await writeFile(path.join(src, 'word.ts'), `export const word: string = '${word}';`);
  await writeFile(
    path.join(src, 'main.ts'),
    `import { word } from './word.ts';
    import packageJson from '../package.json' with { type: 'json' };
    const worker = new URL('./late.ts', import.meta.url);
    export default async (): Promise<Record<string, string>> => {
      const { late } = await import('./late.ts');
      return { word, late, version: packageJson.version, worker: worker.href };
    };`,
  );
}
