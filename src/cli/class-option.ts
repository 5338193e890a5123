import { Option } from 'commander';

import { wholeNumber } from './parse-option.ts';

/** An option that takes one or more classes by their numbers, from 0 on. */
export function classesOption(flags: string, description: string): Option {
  const one = wholeNumber(0);
  return new Option(flags, description).argParser((text: string, before: unknown) => [
    ...(Array.isArray(before) ? (before as number[]) : []),
    one(text),
  ]);
}
