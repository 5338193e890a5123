import { stat } from 'node:fs/promises';

import { hashFile } from '../../families/checkpoint-hash.ts';

/** What a file holds: SHA-256 as hexadecimal digits, and its size. */
export interface FileContent {
  readonly sha256: string;
  readonly bytes: number;
}

/** Reads all of a file for its hash. */
export async function hashContent(file: string): Promise<FileContent> {
  return { sha256: await hashFile(file), bytes: (await stat(file)).size };
}

/** Hashes of files by path, size and time: none of what has not changed is read again. */
export class HashMemory {
  private readonly known = new Map<string, { readonly stamp: string; content: FileContent }>();

  async hash(file: string): Promise<FileContent> {
    const { size, mtimeMs, ino } = await stat(file);
    const stamp = `${size} ${mtimeMs} ${ino}`;
    const known = this.known.get(file);
    if (known?.stamp === stamp) return known.content;
    const content = await hashContent(file);
    this.known.set(file, { stamp, content });
    return content;
  }
}
