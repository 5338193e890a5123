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

/** A file that a job needs besides its model. */
interface CompanionFile {
  /** What it is, as a label. */
  readonly title: string;
  readonly path: string;
  readonly sha256: string;
  /** What is said of it behind its name. */
  readonly remark: string;
}

function filesOf({ vae, baseLoras, embeddings }: JobCompanions): CompanionFile[] {
  return [
    ...(vae ? [{ title: 'VAE', ...vae, remark: '' }] : []),
    ...baseLoras.map(({ strength, ...file }) => ({
      ...{ title: 'LoRA', ...file },
      remark: ` at ${strength}`,
    })),
    ...embeddings.map((file) => ({ title: 'Embedding', ...file, remark: '' })),
  ];
}

/** What front ends say of them: a label and the file's name for each. */
export function describeCompanions(job: JobCompanions): (readonly [title: string, text: string])[] {
  return filesOf(job).map(({ title, path: file, remark }) => [
    title,
    `${path.basename(file)}${remark}`,
  ]);
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
  for (const { title, path: file } of filesOf(job)) {
    if (await pathExists(file)) continue;
    throw new AppError(
      'checkpoint.not-found',
      `"${file}" (${title}) of job ${id} does not exist any more. Put it back, then resume the job.`,
    );
  }
}

/**
 * Refuses to go on where one of them is another file than the job began with; reads all of them.
 *
 * @throws AppError `job.wrong-state`
 */
export async function requireSameCompanions(id: string, job: JobCompanions): Promise<void> {
  for (const { title, path: file, sha256 } of filesOf(job)) {
    if ((await hashCheckpoint(file)) === sha256) continue;
    throw new AppError(
      'job.wrong-state',
      `"${file}" (${title}) is not the file that job ${id} began with: its SHA-256 differs. Put that one back, or start a new erasure.`,
    );
  }
}
