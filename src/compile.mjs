import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, stop } from 'esbuild';

/** Where this program's sources, packages and data are. */
const packageFolder = fileURLToPath(new URL('..', import.meta.url));

/**
 * Compiles the program: modules each into a file of its own, at the same place under `folder`, with the
 * data beside them, and the page into `page`.
 *
 * @param {string} folder
 */
export async function compileInto(folder) {
  const files = ['src', 'routes'].flatMap(filesIn);
  const isModule = (file) => file.endsWith('.ts');
  mkdirSync(folder, { recursive: true });
  await build({
    absWorkingDir: packageFolder,
    entryPoints: files.filter(isModule),
    outbase: '.',
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    // A package that is installed has none.
    tsconfigRaw: {},
    logLevel: 'silent',
    plugins: [oneFileEach],
  });
  await stop();
  for (const file of files.filter((file) => !isModule(file))) {
    cpSync(path.join(packageFolder, file), path.join(folder, file));
  }
  await writePage(folder);
}

/**
 * Files under a folder of the program, as paths in the program's folder.
 *
 * @param {string} folder
 * @returns {string[]}
 */
function filesIn(folder) {
  return readdirSync(path.join(packageFolder, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(packageFolder, path.join(entry.parentPath, entry.name)));
}

/** Keeps modules apart, each where it was beside the others: workers and data are found by their place. */
const oneFileEach = {
  name: 'one-file-each',
  setup: ({ onResolve, onLoad }) => {
    onLoad({ filter: /\.ts$/ }, ({ path: file }) => ({
      contents: readFileSync(file, 'utf8').replace(
        /(?<=new URL\('[^']+)\.ts(?=', import\.meta\.url\))/g,
        '.mjs',
      ),
      loader: 'ts',
    }));
    onResolve({ filter: /^\./ }, ({ path: module, kind }) =>
      kind === 'entry-point' || module.endsWith('.json')
        ? undefined
        : { path: module.replace(/\.ts$/, '.mjs'), external: true },
    );
  },
};

/** The compiled program bundles its own page. */
async function writePage(folder) {
  const module = pathToFileURL(path.join(folder, 'src', 'bundle-page.mjs'));
  const { bundlePage } = await import(module.href);
  const page = path.join(folder, 'page');
  mkdirSync(page);
  for (const [name, body] of await bundlePage()) writeFileSync(path.join(page, name), body);
}
