import { mkdir } from 'node:fs/promises';
import path from 'node:path';

import { AppError } from '../../errors.ts';
import { FolderStore } from './folder-store.ts';
import type { Store } from './store.ts';

/**
 * Opens the store of all machines.
 *
 * @param place a folder, or `s3://BUCKET/PREFIX`
 * @throws AppError `artifact.unreachable`
 */
export async function openStore(place: string): Promise<Store> {
  const [, bucket, prefix = ''] = /^s3:\/\/([^/]+)\/?(.*?)\/?$/.exec(place) ?? [];
  if (bucket !== undefined) {
    const { openS3Store } = await import('./s3-store.ts');
    return openS3Store(bucket, prefix);
  }
  const folder = path.resolve(place);
  try {
    await mkdir(folder, { recursive: true });
  } catch (cause) {
    throw new AppError(
      'artifact.unreachable',
      `the store "${folder}" cannot be used: ${(cause as Error).message}. Choose a folder that all machines can write to, or s3://BUCKET, with --store.`,
      { cause },
    );
  }
  return new FolderStore(folder);
}
