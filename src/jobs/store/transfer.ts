import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { AppError, type ErrorCode } from '../../errors.ts';
import { systemErrorCode } from '../../system-error.ts';
import { type FileContent, hashContent } from './hash-file.ts';
import type { Store } from './store.ts';

const ATTEMPTS = 6;
const FIRST_WAIT_MS = 200;

/** What is damaged may have been so on its way; what is missing stays so. */
const attemptsAt: Partial<Record<ErrorCode, number>> = { 'artifact.damaged': 2 };

/** Of the disk of this machine: another attempt would find it as full. */
const final = ['ENOSPC', 'EDQUOT', 'EACCES', 'EPERM', 'EROFS', 'ENOENT'];

/**
 * Fetches a file from the store, which is there whole and has its hash, or is not there.
 *
 * @throws AppError `artifact.damaged` where what the store has is not what was put in; `artifact.missing`
 */
export async function fetchFile(
  store: Store,
  key: string,
  { sha256, file }: Pick<FileContent, 'sha256'> & { readonly file: string },
): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  const temporary = `${file}.${randomUUID()}.part`;
  try {
    await attempting(async () => {
      await store.get(key, temporary);
      const found = await hashContent(temporary);
      if (found.sha256 === sha256) return;
      // No beginning of what was meant.
      await rm(temporary, { force: true });
      throw new AppError(
        'artifact.damaged',
        `"${key}" came from the store with the SHA-256 ${found.sha256}, not ${sha256}: it is damaged there or on its way.`,
      );
    });
    await rename(temporary, file);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Puts a file into the store, unless it is there. */
export async function storeFile(store: Store, key: string, file: string): Promise<void> {
  await attempting(async () => {
    if (!(await store.has(key))) await store.put(key, file);
  });
}

/** Networks and stores fail for a moment. */
async function attempting(work: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await work();
      return;
    } catch (error) {
      const mayPass = error instanceof AppError ? attemptsAt[error.code] : ATTEMPTS;
      const isFinal = final.includes(systemErrorCode(error) ?? '');
      if (isFinal || attempt >= (mayPass ?? 1)) throw error;
      await sleep(FIRST_WAIT_MS * 2 ** (attempt - 1));
    }
  }
}
