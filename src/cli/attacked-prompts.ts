import path from 'node:path';
import * as z from 'zod';

import type { AttackedPrompt, GivenPicture } from '../attacks/attack.ts';
import { attackOf } from '../attacks/registry.ts';
import { readProvenance } from '../checkpoint/provenance.ts';
import { AppError } from '../errors.ts';
import { attackedOf, toldFrom } from '../erase/attacked-words.ts';
import { givenPictures } from '../erase/given-pictures.ts';
import type { EraseJob } from '../erase/job.ts';
import type { Checkpoint } from '../families/checkpoint.ts';
import { findMarkedJob } from '../jobs/local/find-marked-job.ts';
import { preparePrompts } from '../jobs/request/prepare-prompts.ts';

/** What a person says of the words of an attack. */
export interface AttackWords {
  readonly kind: string;
  /** Default: what the scrubbed model says that it forgot. */
  readonly prompt?: readonly string[];
  readonly paraphrase?: readonly string[];
  readonly retain?: readonly string[];
  readonly anchor?: string;
  readonly concept?: string;
  /** Folder of the pictures that were to be forgotten. Default: that of the job. */
  readonly images?: string;
}

/** The words of an attack, whole. */
export interface AttackedPrompts {
  readonly prompts: readonly AttackedPrompt[];
  readonly paraphrases: readonly AttackedPrompt[];
  readonly retain: readonly string[];
  readonly given: readonly GivenPicture[];
  /** Null where nobody said it. */
  readonly concept: string | null;
  /** What may not be meant so. */
  readonly warnings: readonly string[];
}

/** As much of `erase_concept` in a result's metadata as is read here: its words, or what leads to its job. */
const provenanceSchema = z.union([
  z.object({
    forget: z.array(z.object({ prompt: z.string(), anchor: z.string() })).min(1),
    retain: z.array(z.string()),
  }),
  z.object({ job: z.string() }),
]);
type Told = Pick<EraseJob, 'forget' | 'retain'> &
  Partial<Pick<EraseJob, 'heldBack' | 'concept' | 'forgetImages' | 'concepts'>>;

/** What the scrubbed model, or the job that made it, says of what was forgotten; null where neither does. */
async function toldBy(scrubbed: Checkpoint, dataFolder: string | null): Promise<Told | null> {
  const { data } = provenanceSchema.safeParse(readProvenance(scrubbed.file.metadata));
  if (!data || 'forget' in data) return data ?? null;
  return dataFolder === null ? null : findMarkedJob(dataFolder, data.job);
}

/**
 * What was asked for, else what the scrubbed model says of itself.
 *
 * @throws AppError `usage.invalid` where neither says enough, `prompt.invalid`
 */
export async function attackedPrompts(
  words: AttackWords,
  scrubbed: Checkpoint,
  dataFolder: string | null,
): Promise<AttackedPrompts> {
  const { prompt, paraphrase = [] } = words;
  const told = await toldBy(scrubbed, dataFolder);
  // What was held back and the concept's name belong to the job's own prompts.
  const { heldBack = [], concept = null } = prompt ? {} : (told ?? {});
  const known = words.retain ?? keptBy(told);
  const asked = prompt ? await prepare(prompt, words, known) : toldPrompts(told, known);
  const others =
    paraphrase.length > 0
      ? await prepare(paraphrase, words, known)
      : { prompts: heldBack, warnings: [] };
  const given = await givenTo(words, told);
  requireNeeded(words.kind, { paraphrases: others.prompts, retain: asked.retain, given });
  return {
    ...asked,
    concept: words.concept ?? concept,
    paraphrases: others.prompts,
    given,
    warnings: [...asked.warnings, ...others.warnings],
  };
}

/** Pictures that are to come back; none for a kind that asks for none. */
async function givenTo({ kind, images }: AttackWords, told: Told | null): Promise<GivenPicture[]> {
  if (attackOf(kind).needs !== 'given') return [];
  const { forgetImages = null, concepts = [] } = told ?? {};
  return givenPictures(
    images === undefined
      ? { forgetImages, concepts }
      : { forgetImages: path.resolve(images), concepts: [] },
  );
}

function keptBy(told: Told | null): string[] {
  return toldFrom(told?.retain ?? []);
}

/** How the command line is given what an attack cannot go without. */
const missing = {
  paraphrases:
    'asks in other words, and none are given. Add --paraphrase PROMPT…, wordings of the concept that it was not made to forget by.',
  given:
    'tries to get given pictures back, and none are known. Add --images FOLDER, with pictures that were to be forgotten.',
  retain:
    'trains on pictures of other things, and no prompts of such are known. Add --retain PROMPT….',
} as const;

function requireNeeded(
  kind: string,
  given: Pick<AttackedPrompts, 'paraphrases' | 'retain' | 'given'>,
): void {
  const { needs } = attackOf(kind);
  if (!needs || given[needs].length > 0) return;
  throw new AppError('usage.invalid', `--kind ${kind} ${missing[needs]}`);
}

type Prepared = Pick<AttackedPrompts, 'prompts' | 'retain' | 'warnings'>;

async function prepare(
  prompts: readonly string[],
  { anchor, concept }: AttackWords,
  known: readonly string[],
): Promise<Prepared> {
  const request = { forget: prompts, retain: known, anchor, concept };
  const { forget, retain, warnings } = await preparePrompts(
    { ...request, forgetImages: undefined, retainImages: undefined },
    undefined,
    'concept',
  );
  return { prompts: forget, retain, warnings };
}

function toldPrompts(told: Told | null, retain: readonly string[]): Prepared {
  if (!told) {
    throw new AppError(
      'usage.invalid',
      'neither the scrubbed model nor a job in the data folder says what it was made to forget. Add --prompt PROMPT…, prompts that draw the concept, or --data with the folder of its job.',
    );
  }
  return {
    prompts: attackedOf(told.forget),
    retain,
    warnings: [],
  };
}
