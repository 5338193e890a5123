import { type EraseSettings, methodOf, trainingSettings } from '../methods/registry.ts';
import { formsOf, type SettingForm, wordOf } from '../methods/setting-form.ts';

/** Every setting that decides what the result is, with its name and value for people. */
export function describeSettings(settings: EraseSettings): readonly (readonly [string, string])[] {
  const { words, settings: schema } = methodOf(settings);
  const values = trainingSettings(settings);
  return [
    ['Method', words.title],
    ...formsOf(schema)
      .filter(({ name }) => Object.hasOwn(values, name))
      .map((form) => [form.title, describeValue(form, values[form.name])] as const),
  ];
}

function describeValue({ value: form }: SettingForm, value: unknown): string {
  const word = wordOf(value);
  if (form.kind === 'choice') return form.choices[word] ?? word;
  if (form.kind === 'number') return word;
  const { kind: _kind, ...parts } = value as Readonly<Record<string, unknown>>;
  const listed = Object.entries(parts).map(([name, part]) => `${name} ${wordOf(part)}`);
  const title = form.choices[word] ?? word;
  return listed.length > 0 ? `${title} (${listed.join(', ')})` : title;
}
