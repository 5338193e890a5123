import path from 'node:path';

import { cutToBytes, longestNameBytes } from './file-name.ts';
import { withoutModelEnding } from './model-ending.ts';
import {
  configPathOf,
  isFolder,
  modelTitle,
  pathExists,
  resultFolderOf,
  slugify,
} from './output-path.ts';
import { isReserved, RESERVATION_BYTES } from './output-reservation.ts';

/** What a result's name is made of, whole; `chooseFreeName` makes it fit. */
export interface ResultName {
  readonly folder: string;
  /** What the original is called. */
  readonly title: string;
  /** The concept, as `slugify` makes it; empty for a name without. */
  readonly slug: string;
  /** `.safetensors`, or nothing for a folder. */
  readonly ending: string;
  /** What follows on the concept and is kept whole: `-strength-0.5`. Default: nothing. */
  readonly suffix?: string;
}

/**
 * Where a scrubbed model goes by default: `<original>-without-<concept>[-N].safetensors`, of a folder
 * without an ending, cut to what the file system takes, N being the first number from 2 whose name is
 * free.
 *
 * @param folder the folder that it goes to
 */
export async function chooseOutputPath(
  modelPath: string,
  concept: string,
  folder = resultFolderOf(modelPath),
): Promise<string> {
  const ending = (await isFolder(modelPath)) ? '' : '.safetensors';
  return chooseFreeName({
    folder,
    title: modelTitle(modelPath),
    slug: slugify(concept),
    ending,
  });
}

/** The first name of a result that nothing has or is about to have, its `.yaml` neither. */
export async function chooseFreeName(name: ResultName): Promise<string> {
  const maxBytes = (await longestNameBytes(name.folder)) - RESERVATION_BYTES;
  for (let number = 1; ; number++) {
    const end = `${name.suffix ?? ''}${number === 1 ? '' : `-${number}`}`;
    const fitted = fitName(name, end, maxBytes);
    const candidate = path.join(name.folder, fitted);
    const isTaken =
      (await pathExists(candidate)) ||
      (await pathExists(configPathOf(candidate))) ||
      (await isReserved(candidate));
    if (!isTaken) return candidate;
  }
}

/** What is left of a name where even its parts do not fit. */
const MIN_PART_BYTES = 8;

/**
 * A result's name of at most `maxBytes` bytes: the title gives way first, to half of the room, then
 * the concept.
 *
 * @param number the end of the stem: `-2`, or nothing
 */
export function fitName(
  { title, slug, ending }: Pick<ResultName, 'title' | 'slug' | 'ending'>,
  number: string,
  maxBytes: number,
): string {
  const joint = slug === '' ? '' : '-without-';
  const room = Math.max(2 * MIN_PART_BYTES, maxBytes - Buffer.byteLength(joint + number + ending));
  const titleShare = Math.min(Buffer.byteLength(title), Math.ceil(room / 2));
  const shortSlug = cutToBytes(slug, room - titleShare).replace(/-$/, '');
  const shortTitle = cutToBytes(title, room - Buffer.byteLength(shortSlug));
  // What is cut should not end as if more were to come.
  const tidyTitle = shortTitle === title ? title : shortTitle.replace(/[\s._-]+$/u, '');
  return `${tidyTitle}${joint}${shortSlug}${number}${ending}`;
}

/** The parts of a result's name, be it one that does not fit; of another name, all of it is the title. */
export function parseResultName(outputPath: string): ResultName {
  const { dir: folder, base } = path.parse(outputPath);
  const stem = withoutModelEnding(base);
  const ending = base.slice(stem.length);
  const parts = /^(?<title>.+)-without-(?<slug>.+?)(-\d+)?$/su.exec(stem)?.groups;
  return { folder, title: parts?.title ?? stem, slug: parts?.slug ?? '', ending };
}
