import { AppError } from '../errors.ts';

/** A thunk that emits its value at the first call and returns the same one ever after. */
export function once<T>(make: () => T): () => T {
  let made: { value: T } | null = null;
  return () => (made ??= { value: make() }).value;
}

/** Element `index` of a list that is known to have it. */
export function pick<T>(list: readonly T[], index: number): T {
  const item = list[index];
  if (item === undefined) throw new AppError('graph.invalid', `no element ${index}`);
  return item;
}
