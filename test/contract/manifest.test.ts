import { Command } from 'commander';
import { expect, it } from 'vitest';

import { addSettingsOptions } from '../../src/cli/settings-options.ts';
import { manifest } from '../../src/contract/manifest.ts';
import { evaluators } from '../../src/evaluation/registry.ts';
import { defaultSettings, trainingSettings, usualModel } from '../../src/methods/registry.ts';
import { describeSettings } from '../../src/report/describe-settings.ts';

it('says of every setting what it is called, does and is counted in', () => {
  const command = new Command();
  addSettingsOptions(command);
  for (const { id, settings, schema } of manifest.methods) {
    const values = defaultSettings({ method: id, ...usualModel });
    expect(Object.keys(values)).toEqual(expect.arrayContaining(settings.map(({ name }) => name)));
    expect(Object.keys(schema.properties as object)).toEqual(
      expect.arrayContaining(settings.map(({ name }) => name)),
    );
    expect(settings.find(({ name }) => name === 'width')?.unit).toBe('pixels');
    for (const { option, title } of settings) {
      const found = command.options.find(({ long }) => long === `--${option}`);
      expect(found?.description, option).toContain(title);
    }
    // The report has a row for each that decides what the result is.
    const rows = describeSettings(values).map(([title]) => title);
    const deciding = settings.filter(({ name }) => Object.hasOwn(trainingSettings(values), name));
    expect(rows).toEqual(['Method', ...deciding.map(({ title }) => title)]);
  }
  expect(manifest.evaluators.map(({ id }) => id)).toEqual(evaluators.map(({ id }) => id));
});
