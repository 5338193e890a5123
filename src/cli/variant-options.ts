import { Option } from 'commander';

import { AppError } from '../errors.ts';
import type { SettingForm, Variant, VariantForm } from '../methods/setting-form.ts';
import { describeChoices, describeDefault, optionKey, simpleOption } from './setting-option.ts';

/** One setting of some variants. */
interface Part {
  readonly form: SettingForm;
  readonly variants: readonly { readonly variant: Variant; readonly preset: unknown }[];
}

/** The options of a setting that is one of several objects: its kind, and the settings of each. */
export function variantOptions(
  form: SettingForm,
  value: VariantForm,
  { preset, owner }: { readonly preset: unknown; readonly owner: string },
): Option[] {
  const { title, description, option } = form;
  const kind = new Option(
    `--${option} <name>`,
    `${owner}${title}. ${description}${describeChoices(value.choices)} ${describeDefault(preset)}`,
  ).choices(kindsOf(value.variants));
  return [kind, ...partsOf(value).map((part) => partOption(part, { form, value, owner }))];
}

function partOption(
  { form, variants }: Part,
  { form: whole, value, owner }: { form: SettingForm; value: VariantForm; owner: string },
): Option {
  const condition = conditionOf(
    variants.map(({ variant }) => variant),
    { form: whole, value },
  );
  const choices = 'choices' in form.value ? describeChoices(form.value.choices) : '';
  const text = `${owner}with ${condition}: ${form.title}. ${form.description}${choices}`;
  return simpleOption(form, form.value, `${text}${describePresets(variants)}`);
}

/** Which options bring the variants, and no others. */
function conditionOf(
  variants: readonly Variant[],
  { form, value }: { form: SettingForm; value: VariantForm },
): string {
  const kinds = kindsOf(variants);
  const ofKinds = value.variants.filter(({ constants }) => kinds.includes(constants.kind ?? ''));
  if (ofKinds.length === variants.length) return `--${form.option} ${kinds.join(' or ')}`;
  const [{ constants, fields } = { constants: {}, fields: [] }] = variants;
  return fields
    .flatMap(({ name, option }) => (name in constants ? [`--${option} ${constants[name]}`] : []))
    .join(' and ');
}

/** What a part is where it is left out, by kind where that differs. */
function describePresets(variants: Part['variants']): string {
  const presets = new Map(variants.map(({ variant, preset }) => [variant.constants.kind, preset]));
  const different = new Set(presets.values());
  if (different.has(undefined)) return '';
  const [first] = different;
  if (different.size === 1) return ` ${describeDefault(first)}`;
  const listed = [...presets].map(([kind, preset]) => `${String(kind)} ${String(preset)}`);
  return ` (default: ${listed.join(', ')})`;
}

/**
 * What options say of such a setting, by the names of settings: the object as far as it was said, and
 * beside it those of its parts that may stand so.
 *
 * @param isFlat whether a part may stand beside the object, whatever its kind
 * @throws AppError `usage.invalid` where the options do not belong together
 */
export function readVariant(
  form: SettingForm,
  value: VariantForm,
  {
    options,
    isFlat,
  }: {
    readonly options: Readonly<Record<string, unknown>>;
    readonly isFlat: (name: string) => boolean;
  },
): Readonly<Record<string, unknown>> {
  const chosen = options[optionKey(form)];
  const given = partsOf(value).filter(({ form: part }) => options[optionKey(part)] !== undefined);
  const own = given.filter(({ form: part }) => !isFlat(part.name));
  const flat = valuesOf(
    given.filter(({ form: part }) => isFlat(part.name)),
    options,
  );
  if (chosen === undefined && own.length === 0) return flat;
  const ofKind = value.variants.filter(
    ({ constants }) => chosen === undefined || constants.kind === chosen,
  );
  const fitting = ofKind.filter(({ fields }) =>
    own.every((part) => fields.some(({ name }) => name === part.form.name)),
  );
  const [first] = fitting;
  if (!first) throw unrelated(own, ofKind, String(chosen));
  const kinds = kindsOf(fitting);
  if (kinds.length > 1) {
    const names = own.map((part) => `--${part.form.option}`).join(' and ');
    throw new AppError('usage.invalid', `${names} needs --${form.option}: ${kinds.join(' or ')}.`);
  }
  return { ...flat, [form.name]: { ...first.constants, ...valuesOf(own, options) } };
}

function unrelated(own: readonly Part[], ofKind: readonly Variant[], kind: string): AppError {
  const known = ofKind.flatMap(({ fields }) => fields);
  const odd = own.find((part) => !known.some(({ name }) => name === part.form.name));
  const taken = [...new Set(known.map(({ option }) => `--${option}`))].join(' and ');
  return new AppError(
    'usage.invalid',
    odd
      ? `--${odd.form.option} does not belong to the rule "${kind}", which takes ${taken}.`
      : `${own.map(({ form }) => `--${form.option}`).join(' and ')} do not belong together.`,
  );
}

function valuesOf(parts: readonly Part[], options: Readonly<Record<string, unknown>>) {
  return Object.fromEntries(parts.map(({ form }) => [form.name, options[optionKey(form)]]));
}

function kindsOf(variants: readonly Variant[]): string[] {
  return [...new Set(variants.flatMap(({ constants }) => constants.kind ?? []))];
}

/** The settings of all variants, each once. */
function partsOf({ variants }: VariantForm): readonly Part[] {
  const parts = new Map<string, Part>();
  for (const variant of variants) {
    for (const form of variant.fields) {
      const before = parts.get(form.name);
      parts.set(form.name, {
        form: before ? withChoicesOf(form, before.form) : form,
        variants: [...(before?.variants ?? []), { variant, preset: form.preset }],
      });
    }
  }
  return [...parts.values()];
}

/** A part that tells variants apart has in each of them one of its values. */
function withChoicesOf(form: SettingForm, other: SettingForm): SettingForm {
  if (form.value.kind !== 'choice' || other.value.kind !== 'choice') return form;
  const choices = { ...other.value.choices, ...form.value.choices };
  return { ...form, value: { kind: 'choice', choices } };
}
