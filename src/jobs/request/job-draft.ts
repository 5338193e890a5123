import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse, stringify } from 'yaml';
import { z } from 'zod';

import { writeNewFile } from '../../checkpoint/atomic-file.ts';
import { jobSchema } from '../../erase/job.ts';
import { upgradeJob } from '../../erase/stored-job.ts';
import { AppError } from '../../errors.ts';
import { devices } from '../../runtime/device.ts';
import { isMissingFile } from '../../system-error.ts';
import { picturesWishes } from '../../contract/pictures-wish.ts';

const open = {
  id: true,
  model: true,
  vae: true,
  baseLoras: true,
  embeddings: true,
  prediction: true,
  output: true,
  outputIsGiven: true,
  device: true,
} as const;

const draftSchema = jobSchema.omit(open).extend({
  /** What is erased, in few words. */
  concept: z.string(),
  /** Path of the original. */
  model: z.string(),
  /** Path of the VAE to be used; null for the model's own. */
  vae: z.string().nullable().default(null),
  /** Paths of LoRAs that belong to the model. */
  baseLoras: z.array(z.object({ path: z.string(), strength: z.number() })).default([]),
  /** Paths of embeddings whose words are forgotten; in the job's folder once there is one. */
  embeddings: z.array(z.string()).default([]),
  /** Where the result shall be; null: named after the original and the concept. */
  output: z.string().nullable(),
  /** For a result that is named so, its folder; null: the original's. */
  outputFolder: z.string().nullable(),
  /** For a LoRA file that is all that is made and not named, the host's folder; null: not known. */
  loraFolder: z.string().nullable().default(null),
  device: z.enum(['auto', ...devices]),
  /** Drafts of earlier versions leave them to the training process. */
  pictures: z.enum(picturesWishes).default('sidecar'),
});
/** A job of which all is known that can be told at once: the contents of `request.yaml`. */
export type JobDraft = z.infer<typeof draftSchema>;

/** A draft of any version as it was kept. @throws Error where it is none */
export function parseDraft(kept: unknown): JobDraft {
  return draftSchema.parse(upgradeJob(kept));
}

/** Where a job's request stands. */
export const requestPathOf = (folder: string) => path.join(folder, 'request.yaml');

/** Writes `request.yaml` of a new job's folder: from now on it is a job. */
export async function writeDraft(folder: string, draft: JobDraft): Promise<void> {
  const text = stringify(draft, { aliasDuplicateObjects: false, lineWidth: 0 });
  await writeNewFile(requestPathOf(folder), text);
}

/**
 * The draft in a job's folder; null where there is none, as in a job of the command line.
 *
 * @throws AppError `job.damaged`
 */
export async function readDraft(folder: string): Promise<JobDraft | null> {
  const requestPath = requestPathOf(folder);
  try {
    const text = await readFile(requestPath, 'utf8');
    return parseDraft(parse(text, { maxAliasCount: 0 }));
  } catch (cause) {
    if (isMissingFile(cause)) return null;
    throw new AppError(
      'job.damaged',
      `"${requestPath}" is not a request that this version can read. Start the erasure again.`,
      { cause },
    );
  }
}
