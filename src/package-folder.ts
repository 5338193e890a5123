import { existsSync } from 'node:fs';
import path from 'node:path';

/** The folder of this program, where its presets and its page are, wherever its code was compiled to. */
export const packageFolder = holderOf('plugin.yaml', import.meta.dirname);

function holderOf(file: string, folder: string): string {
  const parent = path.dirname(folder);
  if (existsSync(path.join(folder, file))) return folder;
  if (parent === folder) throw new Error(`no folder above this program holds ${file}`);
  return holderOf(file, parent);
}
