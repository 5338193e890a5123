import type { Signal } from '@preact/signals';

import { isCaptionFile, readCaptions } from '../src/images/captions.ts';
import { isImageFile } from '../src/images/image-format.ts';
import type { PictureSize } from '../src/images/picture-size.ts';
import type { Picture } from './picture.ts';
import { told } from './languages/told.ts';
import { t } from './languages/words.ts';

/** Files of one folder, or that were chosen together: captions go with the pictures beside them. */
export type FileGroup = readonly File[];

/** A home folder that was dropped by mistake is not read to its end. */
const MAX_FILES = 5000;

/** What desktops leave in folders. */
const isLeftover = (name: string) => /^(\..*|thumbs\.db|desktop\.ini)$/i.test(name);

/**
 * What was dropped: the files, and each folder with those within it.
 *
 * @param transfer read before this returns; it is empty afterwards
 */
export async function droppedFiles({ items, files }: DataTransfer): Promise<FileGroup[]> {
  const entries = [...items].flatMap((item) => item.webkitGetAsEntry() ?? []);
  const loose = [...files];
  const folders = entries.filter((entry) => entry.isDirectory) as FileSystemDirectoryEntry[];
  // A folder is among the files too, as one without content.
  const names = new Set(folders.map(({ name }) => name));
  const groups: FileGroup[] = [loose.filter(({ name, type }) => type !== '' || !names.has(name))];
  let left = MAX_FILES;
  const visit = async (folder: FileSystemDirectoryEntry): Promise<void> => {
    const inside = (await readFolder(folder)).filter(({ name }) => !isLeftover(name));
    left -= inside.length;
    const found = inside.filter((entry) => entry.isFile) as FileSystemFileEntry[];
    groups.push(await Promise.all(found.map(readFile)));
    for (const entry of inside) {
      if (entry.isDirectory && left > 0) await visit(entry as FileSystemDirectoryEntry);
    }
  };
  for (const folder of folders) await visit(folder);
  return groups;
}

/** A browser gives the entries of a folder some at a time. */
async function readFolder(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => {
      reader.readEntries(resolve, reject);
    });
    if (some.length === 0) break;
    all.push(...some);
  }
  const { compare } = new Intl.Collator('en', { numeric: true });
  return all.sort((a, b) => compare(a.name, b.name));
}

function readFile(entry: FileSystemFileEntry): Promise<File> {
  return new Promise((resolve, reject) => {
    entry.file(resolve, reject);
  });
}

/**
 * Adds pictures with their captions to those there are. Captions that come without pictures go to
 * those that are there.
 *
 * @returns what is not taken, and why, as a sentence each
 */
export async function addFiles(
  pictures: Signal<readonly Picture[]>,
  groups: readonly FileGroup[],
): Promise<string[]> {
  const refused: string[] = [];
  const lone: FileGroup[] = [];
  for (const group of groups) {
    const { images, captions } = sortFiles(group, refused);
    if (images.length === 0) {
      lone.push(captions);
      continue;
    }
    const told = await captionsOf(images, captions, refused);
    const added = [...pictures.value];
    for (const file of images) {
      const name = freeName(file.name, new Set(added.map((picture) => picture.name)));
      const caption = told.get(file.name) ?? '';
      const url = URL.createObjectURL(file);
      added.push({ file, name, caption, url, size: await measure(url) });
    }
    pictures.value = added;
  }
  for (const captions of lone) {
    const files = pictures.value.map(({ file }) => file);
    const told = await captionsOf(files, captions, refused);
    pictures.value = pictures.value.map((picture) => ({
      ...picture,
      caption: told.get(picture.file.name) ?? picture.caption,
    }));
  }
  return refused;
}

/** Null for what the browser cannot decode: the server will say why. */
async function measure(url: string): Promise<PictureSize | null> {
  const image = new Image();
  image.src = url;
  try {
    await image.decode();
  } catch {
    return null;
  }
  return { width: image.naturalWidth, height: image.naturalHeight };
}

function sortFiles(group: FileGroup, refused: string[]) {
  const images = group.filter(({ name, type }) => isImageFile(name) || imageTypes.includes(type));
  const captions = group.filter((file) => !images.includes(file) && isCaptionFile(file.name));
  for (const file of group) {
    if (images.includes(file) || captions.includes(file)) continue;
    refused.push(
      t('"{name}" is neither a PNG, JPEG or WebP image nor a caption.', { name: file.name }),
    );
  }
  return { images, captions };
}

async function captionsOf(
  images: readonly File[],
  files: readonly File[],
  refused: string[],
): Promise<ReadonlyMap<string, string>> {
  const { captions, faults } = await readCaptions(
    images.map(({ name }) => name),
    files.map((file) => ({
      name: file.name,
      bytes: file.size,
      read: async () => new Uint8Array(await file.arrayBuffer()),
    })),
  );
  refused.push(...faults.map(({ name, problem }) => `"${name}" ${told(problem)}.`));
  return captions;
}

/** What pictures are by the browser, whatever their names. */
export const imageTypes = ['image/png', 'image/jpeg', 'image/webp'];

/** Captions go by name, so two pictures must not share one. */
function freeName(name: string, taken: ReadonlySet<string>): string {
  let free = name;
  for (let number = 2; taken.has(free); number++) {
    free = name.replace(/(\.[^.]*)?$/, ` (${number})$1`);
  }
  return free;
}
