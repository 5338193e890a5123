import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';

import { decodeText } from '../../decode-text.ts';
import { type ConceptRequest, requireConcepts } from '../../erase/read-concepts.ts';
import { AppError } from '../../errors.ts';
import { wantedFields, type WantedSettings } from '../../methods/registry.ts';
import { parseYaml } from '../../parse-yaml.ts';
import { schemaMessage } from '../../schema-message.ts';

/** More than anyone waits for: a mistake in a list multiplies. */
const MAX_COMBINATIONS = 20_000;

const line = z.string().trim().min(1).max(200);
const prompt = z.string().trim().min(1).max(10_000);
/** Texts as people write them: one, or a list. */
const listOf = <T extends z.ZodType>(item: T) =>
  z.preprocess(
    (value): unknown[] => (Array.isArray(value) ? value : [value]),
    z.array(item).min(1).max(1000),
  );

const sweepSchema = z.strictObject({
  models: listOf(z.string().trim().min(1)),
  concepts: z.unknown().optional(),
  presets: listOf(
    z.union([
      line.transform((name) => ({ name, variables: {} })),
      z.strictObject({ name: line, variables: z.record(z.string(), prompt).default({}) }),
    ]),
  ).optional(),
  /** Kept in each erasure. */
  retain: listOf(prompt).optional(),
  settings: listOf(z.strictObject({ name: line.optional(), ...wantedFields })).optional(),
});

/** What one erasure of a sweep is about. */
export type Subject =
  | { readonly kind: 'concept'; readonly name: string; readonly concept: ConceptRequest }
  | {
      readonly kind: 'preset';
      readonly name: string;
      readonly variables: Readonly<Record<string, string>>;
    };

/** One erasure of a sweep. */
export interface Combination {
  /** The same for the same erasure, whatever else stands in the file. */
  readonly key: string;
  /** Path of the model; on a server its name. */
  readonly model: string;
  readonly subject: Subject;
  readonly retain: readonly string[];
  readonly settings: WantedSettings;
  /** What these settings are called. */
  readonly settingsName: string;
}

/**
 * Reads the file of a sweep; paths are looked for from where it lies.
 *
 * @returns as `parseSweep`
 * @throws AppError `sweep.invalid`, `concepts.invalid`
 */
export async function readSweep(file: string): Promise<Combination[]> {
  let text: string;
  try {
    text = decodeText(await readFile(file));
  } catch (cause) {
    throw unreadable(file, cause);
  }
  const folder = path.dirname(path.resolve(file));
  const inFolder = (name: string) => path.resolve(folder, name);
  return parseSweep(text, file, { model: inFolder, images: inFolder });
}

/** What names in a sweep mean. */
export interface SweepNames {
  readonly model: (name: string) => string;
  /** Of the folder of pictures of a concept. @throws AppError where there can be none */
  readonly images: (folder: string, concept: string) => string;
}

/**
 * The erasures that a text asks for: YAML with `models`, `concepts` (as of `--concepts`) or `presets` or both,
 * `retain` and `settings`.
 *
 * @param title of the sweep, for messages
 * @returns every model with every concept and preset with all of the settings, in this order
 * @throws AppError `sweep.invalid`, `concepts.invalid`
 */
export function parseSweep(text: string, title: string, names: SweepNames): Combination[] {
  const { concepts, presets = [], ...sweep } = requireSweep(text, title);
  const subjects: Subject[] = presets.map((preset) => ({ kind: 'preset', ...preset }));
  const list = concepts === undefined ? [] : requireConcepts(concepts, title);
  for (const { images, ...concept } of list) {
    const { name } = concept;
    const pictures = images === undefined ? {} : { images: names.images(images, name) };
    subjects.push({ kind: 'concept', name, concept: { ...concept, ...pictures } });
  }
  if (subjects.length === 0) {
    throw refuse(title, 'it says nothing of what to forget. Give it concepts, presets or both');
  }
  const models = sweep.models.map(names.model);
  const settings = sweep.settings ?? [{}];
  const count = models.length * subjects.length * settings.length;
  if (count > MAX_COMBINATIONS) {
    throw refuse(title, `it asks for ${count} erasures, more than ${MAX_COMBINATIONS}. Split it`);
  }
  const { retain = [] } = sweep;
  const all = models.flatMap((model) =>
    subjects.flatMap((subject) =>
      settings.map(({ name, ...wanted }): Combination => {
        const said = Object.entries(wanted).filter(([, value]) => value !== undefined);
        const own = Object.fromEntries(said) as WantedSettings;
        return {
          ...{ key: keyOf([model, subject, retain, own]), model, subject, retain },
          ...{ settings: own, settingsName: name ?? describe(own) },
        };
      }),
    ),
  );
  return [...new Map(all.map((one) => [one.key, one])).values()];
}

function requireSweep(text: string, title: string): z.output<typeof sweepSchema> {
  let value: unknown;
  try {
    value = parseYaml(text);
  } catch (cause) {
    throw unreadable(title, cause);
  }
  const result = sweepSchema.safeParse(value);
  if (result.success) return result.data;
  throw refuse(title, schemaMessage(result.error), result.error);
}

function keyOf(what: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(what)).digest('hex').slice(0, 16);
}

/** `steps 100, train xattn`. */
function describe(settings: WantedSettings): string {
  const words = Object.entries(settings).map(
    ([name, value]) =>
      `${name} ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`,
  );
  return words.length === 0 ? 'defaults' : words.join(', ');
}

function unreadable(title: string, cause: unknown): AppError {
  const reason = cause instanceof Error ? cause.message : 'it cannot be read';
  return refuse(title, reason.replace(/\.$/, ''), cause);
}

function refuse(title: string, detail: string, cause?: unknown): AppError {
  return new AppError('sweep.invalid', `the sweep "${title}": ${detail}.`, { cause });
}
