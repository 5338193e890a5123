import { mkdir, open, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { AppError } from '../../errors.ts';
import { imageFormat, SIGNATURE_BYTES } from '../../images/image-format.ts';
import type { UploadedFile } from '../../contract/services.ts';

/** Uploaded pictures in a folder as erasing reads them. */
export interface StagedImages {
  readonly folder: string;
  /** What the client calls each file, by its name in the folder. */
  readonly clientNames: ReadonlyMap<string, string>;
}

/**
 * Moves uploaded pictures into a new folder, under names that owe nothing to the client's, each
 * with its caption beside it.
 *
 * @param set begins the names, so that no two sets have one in common
 * @param captions by the client's names
 * @throws AppError `image.unreadable` for what is no picture, `usage.invalid` for a caption that
 *   is not of one of them
 */
export async function stageImages(
  folder: string,
  set: string,
  images: readonly UploadedFile[],
  captions: ReadonlyMap<string, string>,
): Promise<StagedImages> {
  requireImages(captions, images);
  await mkdir(folder, { recursive: true });
  const clientNames = new Map<string, string>();
  for (const [i, image] of images.entries()) {
    const stem = `${set}-${String(i + 1).padStart(4, '0')}`;
    const name = `${stem}.${await formatOf(image)}`;
    await rename(image.path, path.join(folder, name));
    clientNames.set(name, image.name);
    const caption = captions.get(image.name)?.trim() ?? '';
    if (caption !== '') await writeFile(path.join(folder, `${stem}.txt`), caption, { flag: 'wx' });
  }
  return { folder, clientNames };
}

/** An error that speaks of the client's files by the client's names. */
export function errorWithClientNames(error: unknown, staged: readonly StagedImages[]): unknown {
  if (!(error instanceof AppError)) return error;
  return new AppError(error.code, withClientNames(error.message, staged), { remedy: error.remedy });
}

/** A text that speaks of the client's files by the client's names. */
export function withClientNames(text: string, staged: readonly StagedImages[]): string {
  let message = text;
  for (const { clientNames } of staged) {
    for (const [name, clientName] of clientNames) {
      message = message.replaceAll(JSON.stringify(name), () => JSON.stringify(clientName));
    }
  }
  return message;
}

function requireImages(
  captions: ReadonlyMap<string, string>,
  images: readonly UploadedFile[],
): void {
  const names = new Map<string, number>();
  for (const { name } of images) names.set(name, (names.get(name) ?? 0) + 1);
  for (const name of captions.keys()) {
    const count = names.get(name) ?? 0;
    if (count === 1) continue;
    if (count > 1) {
      throw new AppError(
        'usage.invalid',
        `there is a caption for ${JSON.stringify(name)}, but ${count} pictures of this name were sent. Give each a name of its own.`,
      );
    }
    throw new AppError(
      'usage.invalid',
      `there is a caption for ${JSON.stringify(name)}, but no such picture was sent. Send it, or leave the caption out.`,
    );
  }
}

async function formatOf({ path: file, name }: UploadedFile): Promise<string> {
  const signature = Buffer.alloc(SIGNATURE_BYTES);
  const handle = await open(file);
  try {
    await handle.read(signature);
  } finally {
    await handle.close();
  }
  const format = imageFormat(signature);
  if (format !== null) return format;
  throw new AppError(
    'image.unreadable',
    `${JSON.stringify(name)} is not a PNG, JPEG or WebP image, whatever its name says: convert it or leave it out`,
  );
}
