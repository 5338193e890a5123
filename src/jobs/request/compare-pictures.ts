import { realpath } from 'node:fs/promises';
import path from 'node:path';

import { listed } from '../../erase/quote.ts';
import { AppError } from '../../errors.ts';
import { readImageFolder } from '../../images/image-folder.ts';
import { areAlike, type PicturePrint, printPicture } from '../../images/picture-print.ts';

interface PrintedFile extends PicturePrint {
  /** As messages show it. */
  readonly name: string;
}

/**
 * Makes sure that no picture is to be forgotten and kept at once, whatever files it is in.
 *
 * @returns warnings of pictures that are alike and may be one
 * @throws AppError `image.contradiction` naming the pair, or the folder where there is only one;
 *   as `readImageFolder`
 */
export async function comparePictureSets(
  forgetFolder: string,
  retainFolder: string,
): Promise<string[]> {
  if ((await realpath(forgetFolder)) === (await realpath(retainFolder))) {
    throw new AppError(
      'image.contradiction',
      `the pictures to forget and those to keep are in one folder, "${forgetFolder}". Put them into two.`,
    );
  }
  const forgotten = await printFolder(forgetFolder);
  const kept = await printFolder(retainFolder);
  const keptByPixels = new Map(kept.map((picture) => [picture.pixels, picture]));
  for (const { pixels, name } of forgotten) {
    const same = keptByPixels.get(pixels);
    if (!same) continue;
    throw new AppError(
      'image.contradiction',
      `one picture is both to be forgotten, as ${name}, and to be kept, as ${same.name}. Take it out of one of the two.`,
    );
  }
  const alike = forgotten.flatMap((one) =>
    kept.filter((other) => areAlike(one, other)).map(({ name }) => `${one.name} and ${name}`),
  );
  if (alike.length === 0) return [];
  return [
    `Pictures to forget and to keep are all but the same: ${listed(alike)}. Training pulls both ways there: take them out of one of the two.`,
  ];
}

async function printFolder(folder: string): Promise<PrintedFile[]> {
  const printed: PrintedFile[] = [];
  // One after the other: each is decoded in full.
  for (const { file } of await readImageFolder(folder)) {
    const name = JSON.stringify(path.basename(file));
    printed.push({ name, ...(await printPicture(file)) });
  }
  return printed;
}
