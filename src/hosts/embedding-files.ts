import { readdir } from 'node:fs/promises';
import path from 'node:path';

import { wordOf } from '../tokenizer/learned-words.ts';
import type { HostFile } from './host.ts';

/** How files of embeddings end in web UIs (pictures that hold one left out). */
const ending = /\.(safetensors|sft|pt|pth|bin)$/i;

/**
 * Files in a folder, and in those within, that may be embeddings, each by the word that prompts call it by.
 * None where there is no such folder.
 */
export async function embeddingsIn(folder: string): Promise<HostFile[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter(
      (entry) => !entry.isDirectory() && !entry.name.startsWith('.') && ending.test(entry.name),
    )
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort((a, b) => a.localeCompare(b, 'en'))
    .map((file) => ({ name: wordOf(file), path: file }));
}
