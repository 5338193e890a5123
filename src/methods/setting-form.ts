import * as z from 'zod';

import type { FieldGroup, FieldWords } from '../setting-field.ts';

/** A setting as front ends ask for it and reports show it, made from its schema. */
export interface SettingForm {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** What a number counts or measures; null where it is none. */
  readonly unit: string | null;
  readonly group: FieldGroup;
  /** Few need it. */
  readonly isRare: boolean;
  /** The command line's name of it, without the hyphens. */
  readonly option: string;
  /** What it is within its variant where it is left out; undefined elsewhere. */
  readonly preset?: unknown;
  readonly value: ValueForm;
}

/** What a setting may be. */
export type ValueForm = NumberForm | TextForm | ChoiceForm | VariantForm;

export interface NumberForm {
  readonly kind: 'number';
  readonly isWhole: boolean;
  readonly minimum: number;
  /** Whether the minimum itself is too small. */
  readonly isAboveMinimum: boolean;
  /** It is a multiple of it; null where it need not be. */
  readonly multipleOf: number | null;
  /** Whether null, for none, is a value too. */
  readonly isNullable: boolean;
}

/** Any words, or none. */
export interface TextForm {
  readonly kind: 'text';
  /** In characters. */
  readonly maxLength: number;
}

export interface ChoiceForm {
  readonly kind: 'choice';
  /** What each value is, in few words, by the value. */
  readonly choices: Readonly<Record<string, string>>;
}

/** One of several objects, each with settings of its own, told apart by one or more of them. */
export interface VariantForm {
  readonly kind: 'variant';
  /** What each value of `kind` is, in few words. */
  readonly choices: Readonly<Record<string, string>>;
  readonly variants: readonly Variant[];
}

export interface Variant {
  /** What tells it from the others, by name: its `kind` among them. */
  readonly constants: Readonly<Record<string, string>>;
  /** Its settings that have words, those of its constants but `kind` among them. */
  readonly fields: readonly SettingForm[];
}

/** A JSON schema as far as settings go. */
interface Schema extends Partial<FieldWords> {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly enum?: readonly string[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly multipleOf?: number;
  readonly maxLength?: number;
}

/** The forms of a method's settings, in the order of its schema; the method's name is none. */
export function formsOf(settings: z.ZodType): readonly SettingForm[] {
  const { properties = {} } = z.toJSONSchema(settings) as Schema;
  return formsOfProperties(properties);
}

function formsOfProperties(properties: Readonly<Record<string, Schema>>): SettingForm[] {
  return Object.entries(properties).flatMap(([name, schema]) => {
    const { title, description, unit = null, group = 'training', isRare = false } = schema;
    if (title === undefined || description === undefined) return [];
    const option = schema.option ?? kebabCase(name);
    const words = { name, title, description, unit, group, isRare, option };
    return [{ ...words, preset: schema.default, value: valueForm(name, schema) }];
  });
}

function valueForm(name: string, schema: Schema): ValueForm {
  const { choices = {} } = schema;
  const listed = schema.enum ?? schema.anyOf?.find((one) => one.enum !== undefined)?.enum;
  const values = listed ?? (typeof schema.const === 'string' ? [schema.const] : null);
  if (values) {
    const entries = values.map((value) => [value, choices[value] ?? value]);
    return { kind: 'choice', choices: Object.fromEntries(entries) as Record<string, string> };
  }
  if (schema.oneOf) {
    return { kind: 'variant', choices, variants: schema.oneOf.flatMap(variantsOf) };
  }
  if (schema.maxLength !== undefined) return { kind: 'text', maxLength: schema.maxLength };
  return numberForm(name, schema);
}

function numberForm(name: string, schema: Schema): NumberForm {
  const alternatives = schema.anyOf ?? [schema];
  const number = alternatives.find(({ type }) => type === 'number' || type === 'integer');
  const minimum = number?.exclusiveMinimum ?? number?.minimum;
  if (!number || minimum === undefined) throw new RangeError(`no form is known for "${name}"`);
  return {
    kind: 'number',
    isWhole: number.type === 'integer',
    minimum,
    isAboveMinimum: number.exclusiveMinimum !== undefined,
    multipleOf: number.multipleOf ?? null,
    isNullable: alternatives.some(({ type }) => type === 'null'),
  };
}

/** A setting's value in a word: `none` for null and empty texts, of an object its kind. */
export function wordOf(value: unknown): string {
  if (value === null || value === '') return 'none';
  if (typeof value === 'object' && 'kind' in value) return String(value.kind);
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function variantsOf({ oneOf, properties = {} }: Schema): Variant[] {
  if (oneOf) return oneOf.flatMap(variantsOf);
  const constants = Object.entries(properties).flatMap(([name, schema]) =>
    typeof schema.const === 'string' ? [[name, schema.const] as const] : [],
  );
  return [{ constants: Object.fromEntries(constants), fields: formsOfProperties(properties) }];
}

function kebabCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
