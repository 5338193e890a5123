import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

import {
  copyFlushed,
  publishFolder,
  removeAbandonedFolders,
  syncFolder,
  temporaryFolderOf,
} from '../../checkpoint/atomic-file.ts';
import {
  changedFileBytes,
  type FileChange,
  type ReplacedTensors,
  writeChangedFile,
} from '../../checkpoint/changed-file.ts';
import { asOutputErrors, type OutputPlace, requirePlace } from '../../checkpoint/output-place.ts';
import type { ModelFolder, WeightFile } from './model-folder.ts';
import { MODEL_INDEX } from './model-index.ts';

/** What a scrubbed model in a folder is made of. */
export interface ScrubbedFolder extends Omit<FileChange, 'source' | 'replaced'>, OutputPlace {
  /** The original. Only read. */
  readonly source: ModelFolder;
  /** By the names that the model calls its tensors. */
  readonly replaced: ReplacedTensors;
}

/**
 * Writes a scrubbed model in the layout of the original: files with trained tensors anew, with the
 * same names, order and types; all others are copies. Copies of the UNet that the original has
 * besides the one in use are left out (see `findFolderCopies`), of its index too.
 *
 * The folder is made under a temporary name that no host lists, all of it flushed to the disk, then
 * given its name: a scrubbed model that exists is whole. On any failure nothing is left behind.
 *
 * @returns bytes of all its files
 * @throws AppError as `writeScrubbedCheckpoint`
 */
export async function writeScrubbedFolder(model: ScrubbedFolder): Promise<number> {
  const { source, outputPath } = model;
  const changes = changesOf(model);
  const index = source.otherUnets.length === 0 ? null : await indexWithoutOthers(source);
  const totalBytes = source.files.reduce((sum, { name, bytes }) => {
    const change = changes.get(name);
    if (name === MODEL_INDEX && index) return sum + index.byteLength;
    return sum + (change ? changedFileBytes(change) : bytes);
  }, 0);
  await requirePlace(model, totalBytes, removeAbandonedFolders);

  const temporaryPath = temporaryFolderOf(outputPath);
  try {
    await asOutputErrors(outputPath, () => mkdir(temporaryPath));
    await fill(temporaryPath, model, { changes, index });
    await asOutputErrors(outputPath, () => publishFolder(temporaryPath, outputPath));
    return totalBytes;
  } finally {
    await rm(temporaryPath, { force: true, recursive: true });
  }
}

/**
 * What becomes of the files that hold trained tensors, by their names; and of those whose metadata
 * tell of an earlier change, which would else be taken for the last one.
 */
function changesOf({ source, replaced, ...rest }: ScrubbedFolder): Map<string, FileChange> {
  const changes = new Map<string, FileChange>();
  for (const { name, file, names } of source.weightFiles) {
    const own = ownNames({ file, names }, replaced);
    const isOutdated = Object.keys(rest.metadata).some((key) => file.metadata.has(key));
    if (own.size > 0 || isOutdated) changes.set(name, { ...rest, source: file, replaced: own });
  }
  return changes;
}

function ownNames(
  { file, names }: Pick<WeightFile, 'file' | 'names'>,
  replaced: ReplacedTensors,
): ReplacedTensors {
  const own = new Map<string, () => Promise<Float32Array>>();
  for (const key of file.tensors.keys()) {
    const elements = replaced.get(names.get(key) ?? '');
    if (elements) own.set(key, elements);
  }
  return own;
}

async function fill(
  temporaryPath: string,
  { source, outputPath, signal }: ScrubbedFolder,
  { changes, index }: { changes: ReadonlyMap<string, FileChange>; index: Buffer | null },
): Promise<void> {
  const names = source.files.map(({ name }) => name).filter((name) => name !== source.mark);
  const folders = new Set([temporaryPath]);
  for (const name of [...names, source.mark]) {
    signal?.throwIfAborted();
    const to = path.join(temporaryPath, name);
    await asOutputErrors(outputPath, () => mkdir(path.dirname(to), { recursive: true }));
    folders.add(path.dirname(to));
    const change = changes.get(name);
    const from = path.join(source.path, name);
    if (change) await writeChangedFile(to, change, outputPath);
    else if (name === MODEL_INDEX && index) {
      await asOutputErrors(outputPath, () => writeFile(to, index, { flag: 'wx', flush: true }));
    } else await asOutputErrors(outputPath, () => copyFlushed(from, to));
  }
  for (const folder of folders) await syncFolder(folder);
}

/** The index without the UNets that are left out: diffusers would look for them. */
async function indexWithoutOthers({ path: folder, otherUnets }: ModelFolder): Promise<Buffer> {
  const index = JSON.parse(await readFile(path.join(folder, MODEL_INDEX), 'utf8')) as object;
  const kept = Object.entries(index).filter(([name]) => !otherUnets.includes(name));
  return Buffer.from(`${JSON.stringify(Object.fromEntries(kept), null, 2)}\n`);
}
