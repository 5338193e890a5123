import { parse } from 'yaml';
import { z } from 'zod';

import { settingsSchema } from '../erase/job.ts';
import { AppError } from '../errors.ts';

const text = z.string().trim().min(1);
const prompts = z.array(text).min(1).max(1000);

/** A word in braces stands for a variable: `a painting in the style of {artist}`. */
const placeholder = /\{([a-z][a-zA-Z0-9]*)\}/g;

/**
 * One erasure, ready to run on any model that fits: the contents of a file in `presets/`.
 *
 * `concept`, `forget`, `retain` and `anchor` may hold `{variable}`s that `variables` declares.
 */
const presetSchema = z.strictObject({
  /** What `--preset` takes: the file's name without `.yaml`. */
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'lower-case letters, digits and hyphens'),
  title: text,
  /** What it erases and for whom, in a sentence or two. */
  description: text,
  /** The words to take out of a forget prompt for its anchor; they also name the result. */
  concept: text.optional(),
  /** Several wordings of the concept: what is not asked for in training may survive. */
  forget: prompts,
  /** The concept's neighbours, which suffer first, and some that are far away. */
  retain: prompts,
  /** What all forget prompts are steered to. Default: each without the concept. */
  anchor: text.optional(),
  /** What the person must fill in. */
  variables: z
    .record(
      z.string().regex(/^[a-z][a-zA-Z0-9]*$/),
      z.strictObject({ description: text, example: text }),
    )
    .default({}),
  /** Where this erasure should train otherwise than by default, and why. */
  settings: z.strictObject({ ...settingsSchema.partial().shape, reason: text }).optional(),
  /** What to expect of the result, the limits too. */
  expectation: text,
});
export type Preset = z.infer<typeof presetSchema>;

/**
 * Reads the text of a preset.
 *
 * @param path for messages
 * @throws AppError `preset.invalid`
 */
export function parsePreset(source: string, path: string): Preset {
  const preset = validate(parseYaml(source, path), path);
  const declared = new Set(Object.keys(preset.variables));
  const used = usedVariables(preset);
  for (const name of used) {
    if (!declared.has(name)) throw invalid(path, `"{${name}}" is not declared under variables`);
  }
  for (const name of declared) {
    if (!used.has(name)) throw invalid(path, `the variable "${name}" is not used anywhere`);
  }
  return preset;
}

/**
 * A preset with its variables filled in.
 *
 * @throws AppError `preset.invalid` if one is missing, empty, or not the preset's
 */
export function fillPreset(preset: Preset, values: Readonly<Record<string, string>>): Preset {
  const { name, variables } = preset;
  for (const given of Object.keys(values)) {
    if (!Object.hasOwn(variables, given)) {
      const known = Object.keys(variables).join(', ');
      throw new AppError(
        'preset.invalid',
        `preset "${name}" has no variable "${given}". ${known ? `It has: ${known}.` : 'It has none.'}`,
      );
    }
  }
  for (const [variable, { description, example }] of Object.entries(variables)) {
    if (!values[variable]?.trim()) {
      throw new AppError(
        'preset.invalid',
        `preset "${name}" needs ${variable}, ${description}: give it with --set ${variable}="${example}".`,
      );
    }
  }
  const fill = (template: string) =>
    template.replace(placeholder, (_, variable: string) => values[variable]?.trim() ?? '');
  return {
    ...preset,
    ...(preset.concept !== undefined && { concept: fill(preset.concept) }),
    ...(preset.anchor !== undefined && { anchor: fill(preset.anchor) }),
    forget: preset.forget.map(fill),
    retain: preset.retain.map(fill),
  };
}

function usedVariables({ concept = '', anchor = '', forget, retain }: Preset): Set<string> {
  const templates = [concept, anchor, ...forget, ...retain].join('\n');
  return new Set([...templates.matchAll(placeholder)].map(([, name = '']) => name));
}

function validate(value: unknown, path: string): Preset {
  const result = presetSchema.safeParse(value, {
    error: ({ input }) => (input === undefined ? 'It is missing' : undefined),
  });
  if (result.success) return result.data;
  throw invalid(path, z.prettifyError(result.error).replaceAll(/\s*\n\s*/g, ' '));
}

function parseYaml(source: string, path: string): unknown {
  try {
    // Aliases are of no use in a preset; the cap stops texts that unfold to gigabytes.
    return parse(source, { maxAliasCount: 20, logLevel: 'error' });
  } catch (cause) {
    throw invalid(path, cause instanceof Error ? cause.message : 'it cannot be parsed', cause);
  }
}

function invalid(path: string, detail: string, cause?: unknown): AppError {
  return new AppError(
    'preset.invalid',
    `preset "${path}" is not valid: ${detail}. Correct the file, or move it away.`,
    { cause },
  );
}
