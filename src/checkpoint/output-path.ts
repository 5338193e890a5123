import { lstat } from 'node:fs/promises';
import path from 'node:path';

/** Leaves room for the original's name within the 255 bytes that file systems allow. */
const MAX_SLUG_BYTES = 80;

/**
 * Where a scrubbed model goes by default: `<original>-without-<concept>[-N].safetensors` in the
 * original's folder, N being the first number from 2 whose name is free (its `.yaml` too).
 */
export async function chooseOutputPath(sourcePath: string, concept: string): Promise<string> {
  const { dir, name } = path.parse(sourcePath);
  const stem = `${name}-without-${slugify(concept)}`;
  for (let number = 1; ; number++) {
    const candidate = path.join(dir, `${number === 1 ? stem : `${stem}-${number}`}.safetensors`);
    const isTaken = (await pathExists(candidate)) || (await pathExists(configPathOf(candidate)));
    if (!isTaken) return candidate;
  }
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
    .replace(/[^\p{Letter}\p{Mark}\p{Number}]+/gu, '-');
  let slug = '';
  for (const character of words.replace(/^-/, '')) {
    if (Buffer.byteLength(slug + character) > MAX_SLUG_BYTES) break;
    slug += character;
  }
  return slug.replace(/-$/, '') || 'concept';
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
