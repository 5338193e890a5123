import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import path from 'node:path';

import { AppError } from '../../errors.ts';
import type { FileContent, HashMemory } from '../store/hash-file.ts';
import type { Store } from '../store/store.ts';
import { fetchFile, storeFile } from '../store/transfer.ts';
import { type Input, inputKey } from './inputs.ts';
import { fileKey } from './job-files.ts';

interface RestoreTools {
  readonly store: Store;
  readonly hashes: HashMemory;
  /** The job's folder at the server that made it. */
  readonly folder: string;
  /** Whether what is there is held to its hash too, for which all of it is fetched. */
  readonly isDamaged: boolean;
}

/** What a job needs of the store, and where the server that made it has it. */
export interface Needed {
  readonly id: string;
  readonly inputs: readonly Input[];
  /** The job's own files that it was made with, by their names. */
  readonly given: Readonly<Record<string, FileContent>>;
}

/**
 * Puts again into the store what a job needs and the store has lost or damaged.
 *
 * @throws AppError `artifact.missing` where a file is no longer here, or no longer what it was
 */
export async function restoreFiles(
  { id, inputs, given }: Needed,
  tools: RestoreTools,
): Promise<void> {
  for (const input of inputs) {
    for (const [name, content] of Object.entries(input.files)) {
      const file = path.join(path.dirname(input.path), name);
      await restoreFile({ key: inputKey(content.sha256), file, content }, tools);
    }
  }
  for (const [name, content] of Object.entries(given)) {
    const file = path.join(tools.folder, ...name.split('/'));
    await restoreFile({ key: fileKey(id, content.sha256), file, content }, tools);
  }
}

interface Original {
  readonly key: string;
  readonly file: string;
  readonly content: FileContent;
}

async function restoreFile(original: Original, tools: RestoreTools): Promise<void> {
  const { store, hashes } = tools;
  const { key, file, content } = original;
  if (await store.has(key)) {
    if (!tools.isDamaged || (await isWhole(original, tools))) return;
    await store.delete([key]);
  }
  const here = await hashes.hash(file).catch(() => null);
  if (here?.sha256 !== content.sha256) {
    throw new AppError(
      'artifact.missing',
      `the store has lost what "${file}" was when the job was made, and it is no longer that here. Start the erasure again.`,
    );
  }
  await storeFile(store, key, file);
}

async function isWhole(
  { key, content: { sha256 } }: Original,
  { store, folder }: RestoreTools,
): Promise<boolean> {
  const copy = path.join(folder, `${randomUUID()}.part`);
  try {
    await fetchFile(store, key, { sha256, file: copy });
    return true;
  } catch (error) {
    if (error instanceof AppError && error.code === 'artifact.damaged') return false;
    throw error;
  } finally {
    await rm(copy, { force: true });
  }
}
