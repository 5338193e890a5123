import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';

import { pathExists } from '../../checkpoint/output-path.ts';
import { familyOfFile } from '../../families/open-model-files.ts';
import type { JobDraft } from '../request/job-draft.ts';
import type { HashMemory } from '../store/hash-file.ts';
import type { JobKeeper } from './job-keeper.ts';
import type { Store } from '../store/store.ts';
import { storeFile } from '../store/transfer.ts';

const contentSchema = z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/), bytes: z.int() });

/** Files in the store, by their names with `/`. */
export const filesSchema = z.record(z.string(), contentSchema);
export type StoredFiles = z.infer<typeof filesSchema>;

const inputSchema = z.object({
  /** Where the server that made the job has it. */
  path: z.string(),
  /** It and what lies beside it that belongs to it, by names from the folder that it is in. */
  files: filesSchema,
});
/** A model, a VAE, a LoRA or a judge that a job needs; a file, or a folder of the diffusers layout. */
export type Input = z.infer<typeof inputSchema>;
const inputsSchema = z.array(inputSchema);

/** Where a file lies in the store that several jobs may need. */
export const inputKey = (sha256: string) => `inputs/${sha256.slice(0, 2)}/${sha256}`;

/** Puts everything into the store that a job needs beside its own folder. */
export async function storeInputs(
  draft: JobDraft,
  { store, hashes }: { store: Store; hashes: HashMemory },
): Promise<Input[]> {
  const inputs: Input[] = [];
  for (const file of new Set(filesOf(draft))) {
    const files: StoredFiles = {};
    const folder = path.dirname(file);
    for (const name of await namesOf(file)) {
      const content = await hashes.hash(path.join(folder, name));
      await storeFile(store, inputKey(content.sha256), path.join(folder, name));
      files[name] = content;
    }
    inputs.push({ path: file, files });
  }
  return inputs;
}

/** What a job brings along. */
export async function readInputs(keeper: JobKeeper, id: string): Promise<Input[]> {
  const [inputs] = await keeper.read(id, ['inputs']);
  return inputsSchema.parse(JSON.parse(inputs ?? '[]'));
}

/** All that a request names that is not in the job's folder. */
function filesOf(draft: JobDraft): string[] {
  return [
    draft.model,
    ...(draft.vae === null ? [] : [draft.vae]),
    ...draft.baseLoras.map((lora) => lora.path),
    ...draft.judges.flatMap(({ file, labels }) => [file, labels.split('#')[0] ?? labels]),
  ];
}

/** Names of all that belongs to a model, from the folder that it is in. */
async function namesOf(file: string): Promise<string[]> {
  const base = path.basename(file);
  if (!(await stat(file)).isDirectory()) return [base, ...(await besides(file))];
  const entries = await readdir(file, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
    .map((entry) => path.relative(path.dirname(file), path.join(entry.parentPath, entry.name)))
    .map((name) => name.split(path.sep).join('/'));
}

/** The config of a model in a single file. */
async function besides(file: string): Promise<string[]> {
  const family = await familyOfFile(file).catch(() => null);
  const sidecars = (await family?.files.sidecars(file, file)) ?? [];
  const names = sidecars.map(({ from }) => path.relative(path.dirname(file), from));
  const own: string[] = [];
  for (const name of names) {
    if (!name.startsWith('..') && (await pathExists(path.join(path.dirname(file), name)))) {
      own.push(name);
    }
  }
  return own;
}
