import { readdir, readFile, stat } from 'node:fs/promises';
import { extname, join, parse } from 'node:path';

import { AppError } from '../errors.ts';
import { checkImage } from './check-image.ts';

/** A picture to learn from, and what it shows. */
export interface CaptionedImage {
  /** Path of the image. */
  file: string;
  /** Text of `NAME.txt` beside it, without outer white space; undefined where there is none. */
  caption: string | undefined;
}

const IMAGE_EXTENSIONS = new Set(['.png', '.jpg', '.jpeg', '.webp']);
const CAPTION_EXTENSION = '.txt';
/** Far longer than what any text encoder takes in. */
const MAX_CAPTION_BYTES = 16_384;
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
  const captionFiles = new Map<string, string>();
  const imageNames: string[] = [];
  for (const name of names) {
    const extension = extname(name).toLowerCase();
    if (IMAGE_EXTENSIONS.has(extension)) imageNames.push(name);
    else if (extension === CAPTION_EXTENSION) captionFiles.set(parse(name).name, name);
    else throw unexpectedFile(folder, name);
  }
  if (imageNames.length === 0) {
    throw new AppError(
      'image.none',
      `folder "${folder}" has no image: put PNG, JPEG or WebP files in it, with captions in NAME.txt`,
    );
  }
  const stems = new Set(imageNames.map((name) => parse(name).name));
  for (const [stem, name] of captionFiles) {
    if (!stems.has(stem)) throw unexpectedFile(folder, name, 'a caption without its image');
  }

  const images: CaptionedImage[] = [];
  for (const name of imageNames) {
    const file = join(folder, name);
    await checkImage(file);
    const captionName = captionFiles.get(parse(name).name);
    const caption = captionName && (await readCaption(join(folder, captionName)));
    images.push({ file, caption: caption === '' ? undefined : caption });
  }
  return images;
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
  if (inner) throw unexpectedFile(folder, inner.name, 'a folder');
  const { compare } = new Intl.Collator('en', { numeric: true });
  return visible.map(({ name }) => name).sort(compare);
}

async function readCaption(file: string): Promise<string> {
  const { size } = await stat(file);
  if (size > MAX_CAPTION_BYTES) {
    throw new AppError(
      'image.unreadable',
      `caption "${file}" has ${size} bytes, more than ${MAX_CAPTION_BYTES}: shorten it`,
    );
  }
  return (await readFile(file, 'utf8')).trim();
}

function unexpectedFile(folder: string, name: string, what?: string): AppError {
  return new AppError(
    'image.unreadable',
    `"${name}" in folder "${folder}" is ${what ?? 'neither a PNG, JPEG or WebP image nor a caption (.txt)'}: ` +
      'move it elsewhere',
  );
}
