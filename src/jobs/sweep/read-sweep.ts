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
  /** Path of the model. */
  readonly model: string;
  readonly subject: Subject;
  readonly retain: readonly string[];
  readonly settings: WantedSettings;
  /** What these settings are called. */
  readonly settingsName: string;
}

/**
 * Reads the file of a sweep: YAML with `models`, `concepts` (as of `--concepts`) or `presets` or both, `retain`
 * and `settings`. Paths are looked for from where it lies.
 *
 * @returns every model with every concept and preset with all of the settings, in this order
 * @throws AppError `sweep.invalid`, `concepts.invalid`
 */
export async function readSweep(file: string): Promise<Combination[]> {
  const { concepts, presets = [], ...sweep } = await parseSweep(file);
  const folder = path.dirname(path.resolve(file));
  const subjects: Subject[] = presets.map((preset) => ({ kind: 'preset', ...preset }));
  const list = concepts === undefined ? [] : requireConcepts(concepts, file);
  for (const { images, ...concept } of list) {
    const pictures = images === undefined ? {} : { images: path.resolve(folder, images) };
    const { name } = concept;
    subjects.push({ kind: 'concept', name, concept: { ...concept, ...pictures } });
  }
  if (subjects.length === 0) {
    throw refuse(file, 'it says nothing of what to forget. Give it concepts, presets or both');
  }
  const models = sweep.models.map((model) => path.resolve(folder, model));
  const settings = sweep.settings ?? [{}];
  const count = models.length * subjects.length * settings.length;
  if (count > MAX_COMBINATIONS) {
    throw refuse(file, `it asks for ${count} erasures, more than ${MAX_COMBINATIONS}. Split it`);
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

async function parseSweep(file: string): Promise<z.output<typeof sweepSchema>> {
  let value: unknown;
  try {
    value = parseYaml(decodeText(await readFile(file)));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : 'it cannot be read';
    throw refuse(file, reason.replace(/\.$/, ''), cause);
  }
  const result = sweepSchema.safeParse(value);
  if (result.success) return result.data;
  throw refuse(file, schemaMessage(result.error), result.error);
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

function refuse(file: string, detail: string, cause?: unknown): AppError {
  return new AppError('sweep.invalid', `the sweep "${file}": ${detail}.`, { cause });
}
