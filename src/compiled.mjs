import { createHash, randomUUID } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const packageFolder = fileURLToPath(new URL('..', import.meta.url));
const cacheFolder = path.join(packageFolder, 'node_modules', '.cache', 'erase-concept');
const sourceFolders = ['src', 'routes'];
/** A server that runs while a new version is installed goes on with its own modules. */
const KEPT_VERSIONS = 4;

/** The folder of this process's version, once asked for. */
let version;

/**
 * The compiled twin of a TypeScript module of this program, in `node_modules/.cache`. All of them are
 * compiled at the first start and at the first one after a change; null for a module of another place,
 * and where nothing can be written.
 *
 * @param {URL} module
 * @returns {Promise<URL | null>}
 */
export async function compiledTwin(module) {
  const place = path.relative(packageFolder, fileURLToPath(module));
  if (!sourceFolders.includes(place.split(path.sep)[0])) return null;
  version ??= compileProgram().catch(() => null);
  const folder = await version;
  return folder && pathToFileURL(path.join(folder, compiledName(place)));
}

async function compileProgram() {
  const files = sourceFolders.flatMap((folder) =>
    readdirSync(path.join(packageFolder, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.relative(packageFolder, path.join(entry.parentPath, entry.name))),
  );
  const folder = path.join(cacheFolder, fingerprint([...files, 'package.json']));
  if (existsSync(folder)) return folder;
  const draft = path.join(cacheFolder, `draft-${randomUUID()}`);
  try {
    await compile(files, draft);
    renameSync(draft, folder);
  } catch (error) {
    // Another process may have been faster.
    rmSync(draft, { recursive: true, force: true });
    if (!existsSync(folder)) throw error;
  }
  removeOldVersions();
  return folder;
}

/** Changes with each file's name, size and time of change. */
function fingerprint(files) {
  const hash = createHash('sha256');
  for (const file of files.sort()) {
    const { size, mtimeMs } = statSync(path.join(packageFolder, file));
    hash.update(`${file}\0${size}\0${mtimeMs}\n`);
  }
  return hash.digest('hex').slice(0, 16);
}

async function compile(files, folder) {
  mkdirSync(folder, { recursive: true });
  const { build, stop } = await import('esbuild');
  const isModule = (file) => file.endsWith('.ts');
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
    sourcemap: true,
    logLevel: 'silent',
    plugins: [oneFileEach],
  });
  await stop();
  for (const file of files.filter((file) => !isModule(file))) {
    cpSync(path.join(packageFolder, file), path.join(folder, file));
  }
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
        : { path: compiledName(module), external: true },
    );
  },
};

function compiledName(module) {
  return module.replace(/\.ts$/, '.mjs');
}

function removeOldVersions() {
  const versions = readdirSync(cacheFolder)
    .map((name) => path.join(cacheFolder, name))
    .map((folder) => ({ folder, time: statSync(folder).mtimeMs }))
    .sort((one, other) => other.time - one.time);
  for (const { folder } of versions.slice(KEPT_VERSIONS)) rmSync(folder, { recursive: true });
}
