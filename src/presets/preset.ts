import { stringify } from 'yaml';
import { z } from 'zod';

import { fillTemplate } from '../erase/fill-template.ts';
import { AppError } from '../errors.ts';
import { wantedFields } from '../methods/registry.ts';
import { parseYaml } from '../parse-yaml.ts';
import { schemaMessage } from '../schema-message.ts';
import { trainedOn } from '../erase/held-back.ts';
import { faultOfForgotten, presetConceptsSchema } from './preset-concepts.ts';
import { fillTags, fillWords, type PresetWords, textsOf, trainedLines } from './preset-words.ts';

const text = z.string().trim().min(1);
/** What stands on one line of a page. */
const line = text.max(200);
const prompts = z.array(text).min(1).max(1000);
/** Empty where a list of concepts takes their place. */
const forgotten = z.array(text).max(1000).default([]);

/** Two lines of a card. */
const MAX_SUMMARY_CHARACTERS = 90;
/** A text from outside may be wrong in thousands of places. */
const MAX_FAULT_CHARACTERS = 500;

/** A preset's name, that of its file without `.yaml`. */
export const presetNameSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'lower-case letters, digits and hyphens')
  // What Windows takes for a device whatever the ending.
  .refine((name) => !/^(con|prn|aux|nul|com\d|lpt\d)$/.test(name), 'not a name for a file');

/** What a model predicts is the model's. */
const { prediction: _ofModel, ...presetFields } = wantedFields;

/** The person's own pictures of what is forgotten. */
const imagesSchema = z.strictObject({
  /** Whether the erasure can do without. */
  use: z.enum(['optional', 'required']),
  /** What to give, as the drop zone asks for it. */
  label: line,
  /** Why they are asked for, or what they add. */
  reason: text,
});

/** A classifier that judges what became of the erasure, by its name among the judges. */
const judgeSchema = z.strictObject({
  name: line,
  /** Its labels that count as the concept. */
  classes: z.array(line).min(1).max(100),
});

/** A word in braces stands for a variable: `a painting in the style of {artist}`. */
const placeholder = /\{([a-z][a-zA-Z0-9]*)\}/g;

/**
 * One erasure, ready to run on any model that fits: the contents of a file in `presets/`.
 *
 * `concept`, `forget`, `concepts`, `retain`, `anchor` and `heldBack` may hold `{variable}`s that `variables`
 * declares.
 */
export const presetSchema = z.strictObject({
  /** What `--preset` takes: the file's name without `.yaml`. */
  name: presetNameSchema,
  title: line,
  /** What it does, in the few words that a card has room for. */
  summary: text.max(MAX_SUMMARY_CHARACTERS).optional(),
  /** What it erases and for whom, in a sentence or two. */
  description: text,
  /** The words to take out of a forget prompt for its anchor; they also name the result. */
  concept: text.optional(),
  /**
   * Several wordings of the concept: what is not asked for in training may survive. Each a prompt, or
   * `prompt => anchor`.
   */
  forget: forgotten,
  /** Several concepts in the place of `forget`. */
  concepts: presetConceptsSchema.optional(),
  /** The concept's neighbours, which suffer first, and some that are far away. */
  retain: prompts,
  /** Absent where the model draws the pictures of both sets itself. */
  images: imagesSchema.optional(),
  /** What all forget prompts are steered to. Default: each without the concept. */
  anchor: text.optional(),
  /**
   * Further wordings of the concept, each a prompt or `prompt => anchor`, which are never trained on: whether
   * they still draw it is measured when a job ends, and by the attack `paraphrase`.
   */
  heldBack: prompts.optional(),
  /** The same for models that are asked in tags; without it they are asked in the words above. */
  tags: z
    .strictObject({
      ...{ forget: forgotten, retain: prompts, anchor: text.optional() },
      ...{ heldBack: prompts.optional(), concepts: presetConceptsSchema.optional() },
    })
    .optional(),
  /** What the person must fill in. */
  variables: z
    .record(
      z.string().regex(/^[a-z][a-zA-Z0-9]*$/),
      z.strictObject({ description: line, example: line }),
    )
    .default({}),
  /** Classifiers that judge it too, where pictures are compared; what of them is not there is left out. */
  judges: z.array(judgeSchema).min(1).max(4).optional(),
  /** Where this erasure should train otherwise than by default, and why. */
  settings: z.strictObject({ ...presetFields, reason: text }).optional(),
  /** What to expect of the result, the limits too. */
  expectation: text,
});
export type Preset = z.infer<typeof presetSchema>;

/** A preset before it has a name. */
export const presetDraftSchema = presetSchema.omit({ name: true });
export type PresetDraft = z.input<typeof presetDraftSchema>;

/** A hundred artists with ten wordings each take two thirds of it. */
export const MAX_PRESET_BYTES = 128 * 1024;

/**
 * Reads the text of a preset.
 *
 * @param path for messages
 * @throws AppError `preset.invalid`
 */
export function parsePreset(source: string, path: string): Preset {
  return validatePreset(parse(source, path), path);
}

/** The text of a preset's file, which `parsePreset` reads. */
export function formatPreset(preset: Preset): string {
  // A list of concepts stands in its place.
  const withoutEmpty = (key: unknown, value: unknown) =>
    key === 'forget' && Array.isArray(value) && value.length === 0 ? undefined : value;
  return stringify(preset, withoutEmpty, { aliasDuplicateObjects: false, lineWidth: 100 });
}

/**
 * A value that may be a preset, as one: every field fits, and every variable is declared and used.
 *
 * @param path for messages
 * @throws AppError `preset.invalid`
 */
export function validatePreset(value: unknown, path: string): Preset {
  const preset = validate(value, path);
  const fault = faultOfForgotten(preset);
  if (fault !== undefined) throw invalid(path, fault);
  const declared = new Set(Object.keys(preset.variables));
  const used = usedVariables(preset);
  for (const name of used) {
    if (!declared.has(name)) throw invalid(path, `"{${name}}" is not declared under variables`);
  }
  for (const name of declared) {
    if (!used.has(name)) throw invalid(path, `the variable "${name}" is not used anywhere`);
  }
  for (const words of [preset, ...(preset.tags ? [preset.tags] : [])]) requireHeldBack(words, path);
  return preset;
}

/** @throws AppError `preset.invalid` where a wording is held back that is trained on */
function requireHeldBack(words: PresetWords, path: string): void {
  const { forget, retain, concepts = [], heldBack = [] } = words;
  const trained = trainedOn([...forget, ...retain, ...concepts.flatMap(trainedLines)]);
  const both = heldBack.find((line) => trained(line));
  if (both === undefined) return;
  throw invalid(path, `"${both}" is held back, and trained on`);
}

/**
 * A preset with its variables filled in.
 *
 * @throws AppError `preset.invalid` if one is missing, empty, or not the preset's
 */
export function fillPreset(preset: Preset, values: Readonly<Record<string, string>>): Preset {
  const { name, variables } = preset;
  for (const key of Object.keys(values)) {
    if (!Object.hasOwn(variables, key)) {
      const known = Object.keys(variables).join(', ');
      throw new AppError(
        'preset.invalid',
        `preset "${name}" has no variable "${key}". ${known ? `It has: ${known}.` : 'It has none.'}`,
      );
    }
  }
  // Own entries only: a variable may be named as something that every object inherits.
  const given = new Map(Object.entries(values));
  for (const [variable, { description, example }] of Object.entries(variables)) {
    if (!given.get(variable)?.trim()) {
      throw new AppError('preset.invalid', `preset "${name}" needs ${variable}, ${description}.`, {
        remedy: {
          advice: 'Give it',
          settings: [{ setting: 'variables', value: `${variable}="${example}"` }],
        },
      });
    }
  }
  const fill = (template: string) =>
    fillTemplate(template, (variable) => given.get(variable)?.trim() ?? '');
  return {
    ...preset,
    ...(preset.concept !== undefined && { concept: fill(preset.concept) }),
    ...fillWords(preset, fill),
    ...(preset.tags && { tags: fillTags(preset.tags, (variable) => given.get(variable) ?? '') }),
  };
}

function usedVariables({ concept = '', tags, ...sentences }: Preset): Set<string> {
  const words = [sentences, ...(tags ? [tags] : [])];
  const all = [concept, ...words.flatMap(textsOf)].join('\n');
  return new Set([...all.matchAll(placeholder)].map(([, name = '']) => name));
}

function validate(value: unknown, path: string): Preset {
  const result = presetSchema.safeParse(value, {
    error: ({ input }) => (input === undefined ? 'It is missing' : undefined),
  });
  if (result.success) return result.data;
  throw invalid(path, schemaMessage(result.error));
}

function parse(source: string, path: string): unknown {
  try {
    return parseYaml(source);
  } catch (cause) {
    throw invalid(path, cause instanceof Error ? cause.message : 'it cannot be parsed', cause);
  }
}

function invalid(path: string, detail: string, cause?: unknown): AppError {
  return new AppError(
    'preset.invalid',
    `preset "${path}" is not valid: ${shorten(detail)}. Correct the file, or move it away.`,
    { cause },
  );
}

function shorten(detail: string): string {
  return detail.length > MAX_FAULT_CHARACTERS
    ? `${detail.slice(0, MAX_FAULT_CHARACTERS)}…`
    : detail;
}
