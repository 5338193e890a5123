import { manifestOf } from '../contract/manifest.ts';
import type { DrawingSources } from '../drawing/drawing-guess.ts';
import { type EraseSettings, trainingSettings } from '../methods/registry.ts';
import { type SettingForm, wordOf } from '../methods/setting-form.ts';

/**
 * Every setting that decides what the result is, with its name and value for people.
 *
 * @param sources where values were guessed from
 */
export function describeSettings(
  settings: EraseSettings,
  sources: DrawingSources = {},
): readonly (readonly [string, string])[] {
  const { title, settings: forms } = manifestOf(settings.method);
  const values = trainingSettings(settings);
  return [
    ['Method', title],
    ...forms
      .filter(({ name }) => Object.hasOwn(values, name))
      .map((form) => {
        const source = sources[form.name as keyof DrawingSources];
        const value = describeValue(form, values[form.name]);
        return [form.title, source === undefined ? value : `${value}, from ${source}`] as const;
      }),
  ];
}

function describeValue({ value: form }: SettingForm, value: unknown): string {
  const word = wordOf(value);
  if (form.kind === 'choice') return form.choices[word] ?? word;
  if (form.kind === 'number' || form.kind === 'text') return word;
  const { kind: _kind, ...parts } = value as Readonly<Record<string, unknown>>;
  const listed = Object.entries(parts).map(([name, part]) => `${name} ${wordOf(part)}`);
  const title = form.choices[word] ?? word;
  return listed.length > 0 ? `${title} (${listed.join(', ')})` : title;
}
