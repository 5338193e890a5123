import { readdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';

import { AppError } from '../../errors.ts';

/** A file of a folder; behind a link, the file that it leads to. */
export interface FolderFile {
  /** Path within the folder. */
  readonly name: string;
  readonly bytes: number;
  /** When it was last written, in ms since 1970. */
  readonly modifiedMs: number;
}

/** A model's folder has 15 to 60 files; a home that is given by mistake has many more. */
const MAX_FILES = 2000;

/**
 * Every file in a folder and those within, links followed, in the order of their names. Left out are
 * hidden ones, which are no part of a model (`.git`, `.cache`), and links that lead nowhere or back.
 *
 * @throws AppError `model.unsupported` if there are too many
 */
export async function listFolder(folder: string): Promise<FolderFile[]> {
  const files: FolderFile[] = [];
  const visit = async (inner: string, enclosing: readonly string[]): Promise<void> => {
    const here = await realpath(path.join(folder, inner));
    if (enclosing.includes(here)) return;
    const names = await readdir(here);
    for (const name of names.sort()) {
      if (name.startsWith('.')) continue;
      const relative = path.join(inner, name);
      const status = await stat(path.join(folder, relative)).catch(() => null);
      if (status?.isDirectory()) await visit(relative, [...enclosing, here]);
      if (!status?.isFile()) continue;
      files.push({ name: relative, bytes: status.size, modifiedMs: status.mtimeMs });
      if (files.length > MAX_FILES) {
        throw new AppError(
          'model.unsupported',
          `"${folder}" holds more than ${MAX_FILES} files, so it is not the folder of one model. Give the folder that has the model's model_index.json and nothing else.`,
        );
      }
    }
  };
  await visit('', []);
  return files;
}
