import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';

import { AppError } from '../errors.ts';

/** A web UI on this machine, as its folder shows it. */
export interface WebUi {
  readonly name: string;
  /** Where it looks for what is added to it. */
  readonly extensionsFolder: string;
}

interface Layout {
  readonly name: string;
  /** What is in its folder; those of a name that ends with `/` are folders. */
  readonly has: readonly string[];
  /** A file of its folder in which it says who it is. */
  readonly says?: { readonly file: string; readonly pattern: RegExp };
  readonly extensions: string;
}

const a1111Family = ['webui.py', 'modules/', 'extensions/'];

/** The first that fits counts: forks have all that the original has. */
const layouts: readonly Layout[] = [
  {
    name: 'Forge Neo',
    has: [...a1111Family, 'modules_forge/'],
    says: { file: 'modules_forge/forge_version.py', pattern: /^version\s*=\s*["']neo["']/m },
    extensions: 'extensions',
  },
  {
    name: 'reForge',
    has: [...a1111Family, 'modules_forge/', 'requirements_versions_legacy.txt'],
    extensions: 'extensions',
  },
  { name: 'Forge', has: [...a1111Family, 'modules_forge/'], extensions: 'extensions' },
  { name: 'SD.Next', has: [...a1111Family, 'installer.py'], extensions: 'extensions' },
  { name: 'AUTOMATIC1111', has: a1111Family, extensions: 'extensions' },
  { name: 'ComfyUI', has: ['main.py', 'custom_nodes/', 'comfy/'], extensions: 'custom_nodes' },
];

/**
 * Finds out which web UI a folder is.
 *
 * @throws AppError `install.no-web-ui`
 */
export async function recognizeWebUi(folder: string): Promise<WebUi> {
  for (const layout of layouts) {
    if (!(await isOf(layout, folder))) continue;
    return { name: layout.name, extensionsFolder: path.join(folder, layout.extensions) };
  }
  throw new AppError(
    'install.no-web-ui',
    `"${folder}" is no folder of a web UI: there is neither webui.py with modules and extensions (Forge Neo, Forge, reForge, SD.Next, AUTOMATIC1111) nor main.py with comfy and custom_nodes (ComfyUI). Give the folder that its start script is in.`,
  );
}

async function isOf({ has, says }: Layout, folder: string): Promise<boolean> {
  const found = await Promise.all(has.map((entry) => isThere(folder, entry)));
  if (!found.every(Boolean)) return false;
  if (!says) return true;
  const text = await readFile(path.join(folder, says.file), 'utf8').catch(() => '');
  return says.pattern.test(text);
}

async function isThere(folder: string, entry: string): Promise<boolean> {
  const status = await stat(path.join(folder, entry)).catch(() => null);
  return entry.endsWith('/') ? (status?.isDirectory() ?? false) : (status?.isFile() ?? false);
}
