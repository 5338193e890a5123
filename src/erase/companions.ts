import path from 'node:path';
import { z } from 'zod';

import type { Companions } from '../families/companions.ts';
import { hashCheckpoint } from '../families/checkpoint-hash.ts';
import { pathExists } from '../checkpoint/output-path.ts';
import { AppError } from '../errors.ts';

const fileSchema = z.object({ path: z.string(), sha256: z.string() });

/** What a job's model is run with besides its own files: fields of `job.yaml`. */
export const companionFields = {
  /** The VAE that encodes and draws; null for the model's own, as in jobs of earlier versions. */
  vae: fileSchema.nullable().default(null),
  /** LoRAs that are in the model before anything is forgotten, and how many times each counts. */
  baseLoras: z.array(fileSchema.extend({ strength: z.number() })).default([]),
  /** Embeddings (textual inversion), whose words are forgotten; they lie in the job's folder. */
  embeddings: z.array(fileSchema).default([]),
};
/** See `companionFields`. */
export type JobCompanions = z.infer<z.ZodObject<typeof companionFields>>;

/** What a job's models are opened with. */
export function companionsOf({ vae, embeddings }: JobCompanions): Companions {
  return { vae: vae?.path ?? null, embeddings: embeddings.map(({ path: file }) => file) };
}

/** What each kind is called, as a label. */
const titles = { vae: 'VAE', lora: 'LoRA', embedding: 'Embedding' } as const;

/** A file that a job needs besides its model. */
interface CompanionFile extends z.infer<typeof fileSchema> {
  readonly kind: keyof typeof titles;
  /** How many times a LoRA counts; null of others. */
  readonly strength: number | null;
}

function filesOf({ vae, baseLoras, embeddings }: JobCompanions): CompanionFile[] {
  const ofKind =
    (kind: CompanionFile['kind']) =>
    (file: z.infer<typeof fileSchema> & { readonly strength?: number }) => ({
      ...{ strength: null, ...file },
      kind,
    });
  return [
    ...[vae].filter((file) => file !== null).map(ofKind('vae')),
    ...baseLoras.map(ofKind('lora')),
    ...embeddings.map(ofKind('embedding')),
  ];
}

/** What front ends say of a file that a job needs besides its model. */
export interface CompanionView extends Pick<CompanionFile, 'kind' | 'strength'> {
  /** A label. */
  readonly title: string;
  /** The file's name, and what is said behind it. */
  readonly text: string;
  /** The file's name. */
  readonly name: string;
}

/** What front ends say of them. */
export function describeCompanions(job: JobCompanions): CompanionView[] {
  return filesOf(job).map(({ kind, path: file, strength }) => {
    const name = path.basename(file);
    const text = strength === null ? name : `${name} at ${strength}`;
    return { ...{ kind, name, strength, text }, title: titles[kind] };
  });
}

/** The same for the metadata of results: names and hashes, none where there are none. */
export function companionProvenance({
  vae,
  baseLoras,
  embeddings,
}: JobCompanions): Readonly<Record<string, unknown>> {
  const named = ({ path: file, sha256 }: z.infer<typeof fileSchema>) => ({
    name: path.basename(file),
    sha256,
  });
  return {
    ...(vae && { vae: named(vae) }),
    ...(baseLoras.length > 0 && {
      baseLoras: baseLoras.map(({ strength, ...file }) => ({ ...named(file), strength })),
    }),
    ...(embeddings.length > 0 && { embeddings: embeddings.map(named) }),
  };
}

/**
 * Refuses to go on with a job whose companions are not there any more.
 *
 * @throws AppError `checkpoint.not-found`
 */
export async function requireCompanions(id: string, job: JobCompanions): Promise<void> {
  for (const { kind, path: file } of filesOf(job)) {
    if (await pathExists(file)) continue;
    throw new AppError(
      'checkpoint.not-found',
      `"${file}" (${titles[kind]}) of job ${id} does not exist any more. Put it back, then resume the job.`,
    );
  }
}

/**
 * Refuses to go on where one of them is another file than the job began with; reads all of them.
 *
 * @throws AppError `job.wrong-state`
 */
export async function requireSameCompanions(id: string, job: JobCompanions): Promise<void> {
  for (const { kind, path: file, sha256 } of filesOf(job)) {
    if ((await hashCheckpoint(file)) === sha256) continue;
    throw new AppError(
      'job.wrong-state',
      `"${file}" (${titles[kind]}) is not the file that job ${id} began with: its SHA-256 differs. Put that one back, or start a new erasure.`,
    );
  }
}
