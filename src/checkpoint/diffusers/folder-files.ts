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

/** Endings of files that hold weights, in whatever format. */
const weightExtensions = [
  '.safetensors',
  '.sft',
  '.ckpt',
  '.bin',
  '.pt',
  '.pth',
  '.msgpack',
  '.onnx',
  '.pb',
  '.onnx_data',
  '.h5',
  '.gguf',
];

/**
 * The files that a scrubbed model has too. Weights of the UNet in another variant or format, and
 * single-file checkpoints beside the components, would still draw the concept for a host that takes
 * them: they are left out.
 *
 * @param inUse names of the files that the model's weights are read from
 */
export function filesOfModel(
  files: readonly FolderFile[],
  inUse: ReadonlySet<string>,
): FolderFile[] {
  return files.filter(({ name }) => {
    const { dir, base } = path.parse(name);
    if (inUse.has(name) || (dir !== '' && dir !== 'unet')) return true;
    const isIndex = /\.index(\.[\w-]+)?\.json$/.test(base);
    return !isIndex && !weightExtensions.includes(path.extname(base).toLowerCase());
  });
}
