import * as z from 'zod';

/** Where a setting is listed. */
export type FieldGroup = 'training' | 'drawing' | 'pictures' | 'watching';

/** What people read about a setting, and how they name it. */
export interface FieldWords {
  /** A noun or two: the label of a field, the name of a row. */
  readonly title: string;
  /** What it does, in a sentence or two. */
  readonly description: string;
  /** What a number counts or measures; left out where it is none. */
  readonly unit?: string;
  readonly group?: FieldGroup;
  /** Few need it: the page leaves it out, the command line lists it last. */
  readonly isRare?: boolean;
  /** The command line's name of it. Default: the setting's own, in kebab case. */
  readonly option?: string;
  /** What each of its values is, in few words. */
  readonly choices?: Readonly<Record<string, string>>;
}

/** Gives a schema the words that front ends and reports are made from. */
export function field<T extends z.ZodType>(schema: T, words: FieldWords): T {
  return schema.meta({ ...words });
}

export const positive = z.number().positive();
export const count = z.int().min(1);
export const countOrNone = z.int().min(0);
