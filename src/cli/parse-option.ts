import { InvalidArgumentError } from 'commander';

import { type SamplerName, samplerChoice } from '../diffusion/samplers/registry.ts';
import { readSamplerName } from '../diffusion/samplers/sampler-names.ts';
import type { NumberForm } from '../methods/setting-form.ts';

/** A whole number of at least `min`; commander reports anything else as wrong usage. */
export function wholeNumber(min: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^[+-]?\d+$/.test(text.trim()) && Number.isSafeInteger(value) && value >= min) return value;
    throw new InvalidArgumentError(`It must be a whole number of ${min} or more.`);
  };
}

/** A finite number, like `0.5` or `1e-5`, of at least `min`. */
export function realNumber(min: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && Number.isFinite(value) && value >= min) return value;
    throw new InvalidArgumentError(`It must be a number of ${min} or more.`);
  };
}

/** A finite number above `bound`. */
function numberAbove(bound: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isFinite(value) && value > bound) return value;
    throw new InvalidArgumentError(`It must be a number above ${bound}.`);
  };
}

/** A number of the given form, or `none` where that is a value. */
export function numberOption(form: NumberForm): (text: string) => number | null {
  const { isWhole, isAboveMinimum, minimum, isNullable } = form;
  const parse = isWhole
    ? wholeNumber(minimum)
    : isAboveMinimum
      ? numberAbove(minimum)
      : realNumber(minimum);
  return (text) => (isNullable && text === 'none' ? null : parse(text));
}

/** A sampler by any name that it has, in any case. */
export function samplerName(text: string): SamplerName {
  const name = readSamplerName(text);
  if (name !== null) return name;
  throw new InvalidArgumentError(`There is no such sampler: ${samplerChoice}.`);
}

/** Collects `NAME=VALUE` of every occurrence. */
export function assignment(
  text: string,
  previous: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const equals = text.indexOf('=');
  if (equals > 0) return { ...previous, [text.slice(0, equals)]: text.slice(equals + 1) };
  throw new InvalidArgumentError('It must be NAME=VALUE.');
}

/** The address of a web UI. */
export function webAddress(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url && (url.username !== '' || url.password !== '')) {
    throw new InvalidArgumentError(
      'Credentials do not stand in it: put user:password into ERASE_CONCEPT_HOST_AUTH.',
    );
  }
  if (url && ['http:', 'https:'].includes(url.protocol)) return url;
  throw new InvalidArgumentError('It must be an address like http://127.0.0.1:7860.');
}
