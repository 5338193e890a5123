import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';

import { decodeText } from '../decode-text.ts';
import { AppError } from '../errors.ts';
import type { PictureSize } from '../images/picture-size.ts';
import { parseYaml } from '../parse-yaml.ts';
import { systemErrorCode } from '../system-error.ts';

/** One of several things to forget, as a person says it. */
export interface ConceptRequest {
  readonly name: string;
  /** Each a prompt, or `prompt => anchor`. */
  readonly forget: readonly string[];
  /** What all its prompts are steered to. Default: each without the concept. */
  readonly anchor?: string | undefined;
  /** What is like it and shall stay. */
  readonly neighbours: readonly string[];
  /** Folder of pictures of it. */
  readonly images?: string | undefined;
}

/** One whose pictures are in no folder yet, for an estimate. */
export interface AnnouncedConcept extends ConceptRequest {
  readonly captions?: readonly string[];
  readonly pictureSizes?: readonly PictureSize[];
}

/** A hundred artists with ten wordings each take a fifth of it. */
const MAX_FILE_BYTES = 512 * 1024;
const MAX_CONCEPTS = 200;

/** Texts as people write them: one, or a list. */
const words = z.preprocess(
  (value) => (typeof value === 'string' ? [value] : value),
  z.array(z.string().trim().min(1).max(10_000)).min(1).max(1000),
);
const entrySchema = z.strictObject({
  name: z.string().trim().min(1).max(200),
  forget: words.optional(),
  anchor: z.string().trim().min(1).max(10_000).optional(),
  neighbours: words.optional(),
  images: z.string().trim().min(1).optional(),
});
const fields = Object.keys(entrySchema.shape);

/** Other spellings of a field. */
const spellings = new Map([
  ['neighbors', 'neighbours'],
  ['neighbour', 'neighbours'],
  ['neighbor', 'neighbours'],
  ['retain', 'neighbours'],
  ['prompts', 'forget'],
  ['prompt', 'forget'],
  ['concept', 'name'],
]);

/**
 * Reads a list of concepts: YAML (JSON is some) of entries with `name`, `forget`, `anchor`, `neighbours` and
 * `images`, a folder that is looked for from where the file lies.
 *
 * @throws AppError `concepts.invalid`, which names the entry and its field
 */
export async function readConceptsFile(filePath: string): Promise<ConceptRequest[]> {
  const source = await readSource(filePath);
  return parseConcepts(source, filePath).map(({ images, ...concept }) => ({
    ...concept,
    ...(images !== undefined && { images: path.resolve(path.dirname(filePath), images) }),
  }));
}

async function readSource(filePath: string): Promise<string> {
  try {
    const { size } = await stat(filePath);
    if (size > MAX_FILE_BYTES) {
      throw refuse(filePath, `it has ${size} bytes, a list at most ${MAX_FILE_BYTES}`);
    }
    return decodeText(await readFile(filePath));
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    const code = systemErrorCode(cause);
    if (code === 'ENOENT') {
      throw refuse(filePath, 'there is no such file. Look for a typing error in its name', cause);
    }
    if (code === 'EISDIR') throw refuse(filePath, 'it is a folder. Name the file in it', cause);
    if (code !== undefined) throw refuse(filePath, `it cannot be read (${code})`, cause);
    // What is no text says how its sentence ends.
    throw refuse(filePath, `it ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
}

/**
 * The concepts that a text lists.
 *
 * @param place the file's path, for messages
 * @throws AppError `concepts.invalid`
 */
export function parseConcepts(source: string, place: string): ConceptRequest[] {
  let value: unknown;
  try {
    value = parseYaml(source);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : 'it cannot be parsed';
    throw refuse(place, `it is no YAML: ${reason.replace(/\.$/, '')}`, cause);
  }
  return requireConcepts(value, place);
}

/**
 * A value that may be a list of concepts, as one.
 *
 * @param place where it stands, for messages
 * @throws AppError `concepts.invalid`
 */
export function requireConcepts(value: unknown, place: string): ConceptRequest[] {
  const list = isRecord(value) && Object.keys(value).join() === 'concepts' ? value.concepts : value;
  if (!Array.isArray(list) || list.length === 0) {
    const found =
      value === null || value === undefined || Array.isArray(list)
        ? 'it lists nothing'
        : 'it is no list';
    throw refuse(
      place,
      `${found}. Write an entry for each concept, “- name: Monet”, and below the name “  forget: [a painting by Monet]”`,
    );
  }
  if (list.length > MAX_CONCEPTS) {
    throw refuse(place, `it lists ${list.length} concepts, more than ${MAX_CONCEPTS}. Split it`);
  }
  const concepts = list.map((entry: unknown, i) => requireEntry(entry, i, place));
  const places = new Map<string, number>();
  for (const [i, { name }] of concepts.entries()) {
    const key = name.toLowerCase();
    const first = places.get(key);
    if (first !== undefined) {
      throw refuse(
        place,
        `entries ${first + 1} and ${i + 1} are both called "${name}". Join them, or give one another name`,
      );
    }
    places.set(key, i);
  }
  return concepts;
}

function requireEntry(entry: unknown, index: number, place: string): ConceptRequest {
  const number = `entry ${index + 1}`;
  if (!isRecord(entry)) {
    const text = typeof entry === 'string' ? entry : 'Monet';
    const found = entry === null ? 'is empty' : 'has no fields';
    throw refuse(
      place,
      `${number} ${found}. Write “name: ${text}” and below it “forget:” with prompts that draw it`,
    );
  }
  const called =
    typeof entry.name === 'string' && entry.name.trim() !== ''
      ? `${number} (${entry.name.trim()})`
      : number;
  const result = entrySchema.safeParse(entry);
  if (!result.success) throw refuse(place, `${called}${explain(result.error.issues[0], entry)}`);
  const { forget = [], neighbours = [], ...rest } = result.data;
  if (forget.length === 0 && rest.images === undefined) {
    throw refuse(
      place,
      `${called}: forget is missing. Give one or more prompts that draw it, or a folder of pictures with captions as images`,
    );
  }
  return { ...rest, forget, neighbours };
}

/** What is wrong with a field, and what to do. */
function explain(
  issue: z.core.$ZodIssue | undefined,
  entry: Readonly<Record<string, unknown>>,
): string {
  if (issue?.code === 'unrecognized_keys') return explainKey(issue.keys[0] ?? '');
  const keys = issue?.path ?? [];
  const [field, item] = keys;
  const name = typeof item === 'number' ? `${String(field)} ${item + 1}` : String(field);
  if (issue?.code === 'too_big') {
    return `: ${name} is longer than ${String(issue.maximum)}. Shorten it`;
  }
  return `: ${name} ${explainValue(valueAt(entry, keys), field === 'forget' || field === 'neighbours')}`;
}

function explainKey(key: string): string {
  const meant = spellings.get(key.toLowerCase());
  const advice = meant === undefined ? 'Leave it out' : `Call it ${meant}`;
  return ` has a field "${key}", and there are ${fields.join(', ')}. ${advice}`;
}

/** @param isList whether several texts would do */
function explainValue(value: unknown, isList: boolean): string {
  if (value === undefined) return 'is missing. Say what the concept is called';
  if (typeof value === 'number' || typeof value === 'boolean') {
    const kind = typeof value === 'number' ? 'number' : 'truth value';
    return `is read as the ${kind} ${String(value)}. Put it in quotation marks`;
  }
  if (Array.isArray(value) && value.length === 0) {
    return 'lists nothing. Fill it in, or leave it out';
  }
  const isEmpty = value === null || (typeof value === 'string' && value.trim() === '');
  if (isEmpty) return 'is empty. Fill it in, or leave it out';
  // What “a dog: sitting” becomes.
  const hint = isRecord(value) ? '. Put a text with a colon in quotation marks' : '';
  return `must be ${isList ? 'a prompt or a list of them' : 'a text'}${hint}`;
}

function valueAt(entry: unknown, keys: readonly PropertyKey[]): unknown {
  return keys.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null
        ? (value as Readonly<Record<PropertyKey, unknown>>)[key]
        : value,
    entry,
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function refuse(place: string, detail: string, cause?: unknown): AppError {
  return new AppError('concepts.invalid', `the list of concepts "${place}": ${detail}.`, { cause });
}
