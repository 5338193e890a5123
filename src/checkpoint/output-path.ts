import { lstat, stat } from 'node:fs/promises';
import path from 'node:path';

import { cutToBytes } from './file-name.ts';
import { isModelFile, withoutModelEnding } from './model-ending.ts';

/** Keeps names readable in lists, where the file system has room for more. */
const MAX_SLUG_BYTES = 80;

/** A model in the cache of Hugging Face's downloads, where hosts take one revision of each. */
const cachedModel = /^(?<folder>.*)[/\\]models--(?<name>[^/\\]+)[/\\]snapshots[/\\][^/\\]+$/;

/** The folder that hosts find a model's neighbours in. */
export function resultFolderOf(modelPath: string): string {
  return cachedModel.exec(modelPath)?.groups?.folder ?? path.dirname(modelPath);
}

/** What a model is called: its name without the ending of files. */
export function modelTitle(modelPath: string): string {
  const name = cachedModel.exec(modelPath)?.groups?.name ?? path.basename(modelPath);
  return isModelFile(name) ? withoutModelEnding(name) : name.replace(/\.ckpt$/i, '');
}

/** The LDM config that hosts look for beside a checkpoint: the same name, ending in `.yaml`. */
export function configPathOf(checkpointPath: string): string {
  const { dir, name } = path.parse(checkpointPath);
  return path.join(dir, `${name}.yaml`);
}

/**
 * A concept as part of a file name that every system allows: lower-case letters and digits of any
 * script, everything else (separators, wildcards, dots, control characters) as single hyphens.
 */
export function slugify(concept: string): string {
  const words = concept
    .normalize('NFC')
    .toLowerCase()
    .replace(/[^\p{Letter}\p{Mark}\p{Number}]+/gu, '-')
    .replace(/^-/, '');
  return cutToBytes(words, MAX_SLUG_BYTES).replace(/-$/, '') || 'concept';
}

/**
 * Words as part of a name that people type and that stands in addresses: letters without marks,
 * digits and single hyphens, at most `maxCharacters`; empty where nothing of them can be kept.
 */
export function asciiSlug(words: string, maxCharacters: number): string {
  return slugify(words)
    .normalize('NFKD')
    .replace(/\p{Mark}/gu, '')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+/, '')
    .slice(0, maxCharacters)
    .replace(/-+$/, '');
}

/** Whether anything lies at this path, be it a link that leads nowhere. */
export async function pathExists(filePath: string): Promise<boolean> {
  try {
    await lstat(filePath);
    return true;
  } catch {
    return false;
  }
}

/** Whether a path leads to a folder, of whatever kind. */
export async function isFolder(modelPath: string): Promise<boolean> {
  const status = await stat(modelPath).catch(() => null);
  return status?.isDirectory() ?? false;
}
