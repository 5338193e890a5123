import { Option } from 'commander';

import { type SettingForm, type ValueForm, wordOf } from '../methods/setting-form.ts';
import { numberOption } from './parse-option.ts';

/** The name under which commander keeps an option. */
export function optionKey({ option }: SettingForm): string {
  return option.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}

/** An option of a setting whose values are words or numbers; of an object, of its kind. */
export function simpleOption(form: SettingForm, value: ValueForm, help: string): Option {
  if (value.kind === 'number') {
    // A count of pictures may be left out: one then.
    const isOptional = form.name === 'evaluationPictures';
    const name = form.unit ?? (value.isWhole ? 'n' : 'x');
    const option = new Option(`--${form.option} ${isOptional ? `[${name}]` : `<${name}>`}`, help);
    return (isOptional ? option.preset('1') : option).argParser(numberOption(value));
  }
  if (value.kind === 'text') return new Option(`--${form.option} <text>`, help);
  return new Option(`--${form.option} <name>`, help).choices(Object.keys(value.choices));
}

/** The values of a setting that their names do not say, each with what it is; begins with a space. */
export function describeChoices(choices: Readonly<Record<string, string>>): string {
  return Object.entries(choices)
    .filter(([name, words]) => words.toLowerCase() !== name)
    .map(([name, words], i) => `${i === 0 ? ' ' : '; '}${name}: ${words}`)
    .join('');
}

/** What a setting is where nothing is said of it; of an object, its kind. */
export function describeDefault(value: unknown): string {
  // Learning rates are small.
  const isSmall = typeof value === 'number' && value > 0 && value < 1e-3;
  return `(default: ${isSmall ? value.toExponential() : wordOf(value)})`;
}
