import { z } from 'zod';

import { attacks } from '../attacks/registry.ts';
import { evaluators } from '../evaluation/registry.ts';
import { findMethod, type MethodId, methodIds } from '../methods/registry.ts';
import { formsOf, type SettingForm } from '../methods/setting-form.ts';
import { trainSets, trainSetTitles } from '../methods/settings-fields.ts';
import { devices, deviceTitles } from '../runtime/device.ts';
import { type Answer, named } from './answer.ts';

const words = z.record(z.string(), z.string());

const numberValue = z.object({
  kind: z.literal('number'),
  isWhole: z.boolean(),
  minimum: z.number(),
  /** Whether the minimum itself is too small. */
  isAboveMinimum: z.boolean(),
  /** It is a multiple of it; null where it need not be. */
  multipleOf: z.number().nullable(),
  /** Whether null, for none, is a value too. */
  isNullable: z.boolean(),
});
const textValue = z.object({ kind: z.literal('text'), maxLength: z.number() });
/** What each value is, in few words, by the value. */
const choiceValue = z.object({ kind: z.literal('choice'), choices: words });
/** One of several objects, each with settings of its own. */
const variantValue = z.object({
  kind: z.literal('variant'),
  choices: words,
  variants: z.array(
    z.object({
      constants: words,
      get fields() {
        return z.array(settingSchema);
      },
    }),
  ),
});

/** A setting, in words for people and as a form asks for it. */
const settingSchema: z.ZodType<SettingForm> = named(
  'Setting',
  z.object({
    name: z.string(),
    title: z.string(),
    description: z.string(),
    unit: z.string().nullable(),
    group: z.enum(['training', 'drawing', 'pictures', 'watching']),
    isRare: z.boolean(),
    /** The command line's name of it, without the hyphens. */
    option: z.string(),
    /** What it is within its variant where it is left out. */
    preset: z.unknown().optional(),
    value: z.union([numberValue, textValue, choiceValue, variantValue]),
  }),
);

const titled = { id: z.string(), title: z.string() };

/** What there is to choose from, whatever the machine: of `GET /api/manifest`. */
export const manifestSchema = named(
  'Manifest',
  z.object({
    methods: z.array(
      z.object({
        id: z.enum(methodIds),
        /** With its paper. */
        title: z.string(),
        /** Its name and what it forgets, in a few words. */
        choice: z.string(),
        /** When to choose it. */
        help: z.string(),
        forgets: z.enum(['concept', 'pictures']),
        settings: z.array(settingSchema),
        /** JSON schema of its settings, as `job.yaml` keeps them. */
        schema: z.record(z.string(), z.unknown()),
      }),
    ),
    /** Which parameters of the UNet change, as the end of a sentence. */
    trainSets: z.array(z.object({ ...titled, id: z.enum(trainSets) })),
    devices: z.array(z.object({ ...titled, id: z.enum(devices) })),
    /** Who judges a result; `classifier` takes the judges of `GET /api/judges`. */
    evaluators: z.array(z.object({ ...titled, help: z.string() })),
    /** Ways to bring back what was forgotten: of `POST /api/jobs/:id/attacks`. */
    attacks: z.array(
      z.object({
        ...{ ...titled, help: z.string(), axis: z.string(), limits: z.string() },
        /** What of a job it cannot go without: held-back wordings, kept prompts, given pictures. */
        needs: z.enum(['paraphrases', 'retain', 'given']).exactOptional(),
      }),
    ),
  }),
);
export type Manifest = Answer<typeof manifestSchema>;

/** Made once: from it come the options of the command line, the page's fields and the report's rows. */
export const manifest: Manifest = {
  methods: methodIds.map((id) => {
    const { words: told, forgets, settings } = findMethod(id);
    const { title, choice, help } = told;
    const schema = z.toJSONSchema(settings) as Readonly<Record<string, unknown>>;
    return { id, title, choice, help, forgets, settings: formsOf(settings), schema };
  }),
  trainSets: trainSets.map((id) => ({ id, title: trainSetTitles[id] })),
  devices: devices.map((id) => ({ id, title: deviceTitles[id] })),
  evaluators: evaluators.map(({ id, words: { title, help } }) => ({ id, title, help })),
  attacks: attacks.map(({ id, words, needs }) => ({ id, ...words, ...(needs && { needs }) })),
};

/** Of the manifest's methods the one of that id. */
export function manifestOf(id: MethodId): Manifest['methods'][number] {
  const found = manifest.methods.find((method) => method.id === id);
  if (!found) throw new RangeError(`there is no method "${id}"`);
  return found;
}
