import { z } from 'zod';

// What the sidecar answers is described by schemas: the types that its services give are made from
// them, and so is the description that clients read.

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;

/** What an answer holds, as services give it and the page reads it. */
export type Answer<T extends z.ZodType> = DeepReadonly<z.output<T>>;

/** The schemas that the description lists by name. */
export const namedAnswers = z.registry<{ id: string }>();

/** Gives an answer's schema the name by which the description lists it. */
export function named<T extends z.ZodType>(id: string, schema: T): T {
  namedAnswers.add(schema, { id });
  return schema;
}
