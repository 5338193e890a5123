import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { AppError } from '../errors.ts';
import { isCaptionFile, readCaptions } from './captions.ts';
import { checkImage } from './check-image.ts';
import type { PictureSize } from './picture-size.ts';
import { isImageFile } from './image-format.ts';

/** A picture to learn from, and what it shows. */
export interface CaptionedImage {
  /** Path of the image. */
  file: string;
  /** What the folder's files say of it (`readCaptions`); undefined where they say nothing. */
  caption: string | undefined;
  /** Upright. */
  size: PictureSize;
}

/** What desktops leave in folders, besides names that begin with a dot. */
const IGNORED_NAMES = new Set(['thumbs.db', 'desktop.ini']);

/**
 * The images of a folder with their captions, in natural order (2.png before 10.png). Each is
 * checked (`checkImage`), none decoded. Hidden files are passed over, folders within are not read.
 * @throws AppError image.none for a folder that is missing or has no image; image.unreadable,
 *   image.too-large for anything in it that is neither an image nor the caption of one
 */
export async function readImageFolder(folder: string): Promise<CaptionedImage[]> {
  const names = await listNames(folder);
  const images = names.filter(isImageFile);
  const captionFiles = names.filter((name) => !isImageFile(name) && isCaptionFile(name));
  const other = names.find((name) => !images.includes(name) && !captionFiles.includes(name));
  if (other !== undefined) {
    const what = 'neither a PNG, JPEG or WebP image nor a caption (.txt, .caption, .json)';
    throw unusable(folder, other, `is ${what}: move it elsewhere`);
  }
  if (images.length === 0) {
    throw new AppError(
      'image.none',
      `folder "${folder}" has no image: put PNG, JPEG or WebP files in it, with captions in NAME.txt`,
    );
  }
  const captions = await readFolderCaptions(folder, images, captionFiles);
  const captioned: CaptionedImage[] = [];
  for (const name of images) {
    const file = join(folder, name);
    const size = await checkImage(file);
    captioned.push({ file, caption: captions.get(name), size });
  }
  return captioned;
}

async function readFolderCaptions(
  folder: string,
  images: readonly string[],
  captionFiles: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const files = [];
  for (const name of captionFiles) {
    const file = join(folder, name);
    files.push({ name, bytes: (await stat(file)).size, read: () => readFile(file) });
  }
  const { captions, faults } = await readCaptions(images, files);
  const [fault] = faults;
  if (fault) throw unusable(folder, fault.name, fault.problem);
  return captions;
}

async function listNames(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AppError(
      'image.none',
      `folder "${folder}" cannot be read (${reason}): check the path and its permissions`,
      { cause },
    );
  });
  const visible = entries.filter(
    ({ name }) => !name.startsWith('.') && !IGNORED_NAMES.has(name.toLowerCase()),
  );
  const inner = visible.find((entry) => entry.isDirectory());
  if (inner) throw unusable(folder, inner.name, 'is a folder: move it elsewhere');
  const { compare } = new Intl.Collator('en', { numeric: true });
  return visible.map(({ name }) => name).sort(compare);
}

function unusable(folder: string, name: string, problem: string): AppError {
  return new AppError('image.unreadable', `"${name}" in folder "${folder}" ${problem}.`);
}
