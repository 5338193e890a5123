import { createHash, randomUUID } from 'node:crypto';
import { existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const packageFolder = fileURLToPath(new URL('..', import.meta.url));
/** What a package from the registry holds in place of the sources: `npm run build` makes it. */
const builtFolder = path.join(packageFolder, 'dist');
const cacheFolder = path.join(packageFolder, 'node_modules', '.cache', 'erase-concept');
/** A server that runs while a new version is installed goes on with its own modules. */
const KEPT_VERSIONS = 4;

/** The folder of this process's version, once asked for. */
let version;

/**
 * The compiled twin of a TypeScript module of this program: in `dist` where there are no sources, else in
 * `node_modules/.cache`, where all of them are compiled at the first start and at the first one after a
 * change. Null for a module of another place, and where nothing can be written.
 *
 * @param {URL} module
 * @returns {Promise<URL | null>}
 */
export async function compiledTwin(module) {
  const place = path.relative(packageFolder, fileURLToPath(module));
  if (!['src', 'routes'].includes(place.split(path.sep)[0])) return null;
  version ??= compiledProgram().catch(() => null);
  const folder = await version;
  return folder && pathToFileURL(path.join(folder, place.replace(/\.ts$/, '.mjs')));
}

async function compiledProgram() {
  if (!existsSync(path.join(packageFolder, 'src', 'main.ts'))) return builtFolder;
  const folder = path.join(cacheFolder, fingerprint());
  if (existsSync(folder)) return folder;
  const draft = path.join(cacheFolder, `draft-${randomUUID()}`);
  try {
    const { compileInto } = await import('./compile.mjs');
    await compileInto(draft);
    renameSync(draft, folder);
  } catch (error) {
    // Another process may have been faster.
    rmSync(draft, { recursive: true, force: true });
    if (!existsSync(folder)) throw error;
  }
  removeOldVersions();
  return folder;
}

/** Changes with the name, the size and the time of change of each file that is compiled. */
function fingerprint() {
  const hash = createHash('sha256');
  const add = (file) => {
    const { size, mtimeMs } = statSync(file);
    hash.update(`${file}\0${size}\0${mtimeMs}\n`);
  };
  for (const folder of ['src', 'routes', 'ui']) {
    const entries = readdirSync(path.join(packageFolder, folder), {
      recursive: true,
      withFileTypes: true,
    });
    const files = entries.filter((entry) => entry.isFile());
    for (const file of files.map(({ parentPath, name }) => path.join(parentPath, name)).sort()) {
      add(file);
    }
  }
  add(path.join(packageFolder, 'package.json'));
  return hash.digest('hex').slice(0, 16);
}

function removeOldVersions() {
  const versions = readdirSync(cacheFolder)
    .map((name) => path.join(cacheFolder, name))
    .map((folder) => ({ folder, time: statSync(folder).mtimeMs }))
    .sort((one, other) => other.time - one.time);
  for (const { folder } of versions.slice(KEPT_VERSIONS)) {
    rmSync(folder, { recursive: true, force: true });
  }
}
