import type { Command } from 'commander';

import { listPresets } from '../../presets/load-presets.ts';
import { dataOption, jsonOption } from '../common-options.ts';
import type { CliContext } from '../context.ts';
import { formatTable } from '../format.ts';
import { printJson, printLine } from '../terminal.ts';

interface PresetsOptions {
  readonly data: string;
  readonly json?: true;
}

/** `erase-concept presets`: the erasures that are ready to use. */
export function addPresetsCommand(program: Command, { terminal, config }: CliContext): void {
  program
    .command('presets')
    .description("List the presets: the program's own, and yours in DATA/presets.")
    .addOption(dataOption(config.dataFolder))
    .addOption(jsonOption())
    .action(async ({ data, json }: PresetsOptions) => {
      const { presets, faults } = await listPresets(data);
      for (const { message } of faults) printLine(terminal.stderr, message);
      if (json) {
        for (const { preset, isOwn } of presets) printJson(terminal, { ...preset, isOwn });
        return;
      }
      const rows = presets.map(({ preset: { name, title, variables } }) => {
        const sets = Object.entries(variables).map(
          ([variable, { example }]) => `--set ${variable}="${example}"`,
        );
        return [name, title, sets.join(' ')];
      });
      printLine(terminal.stdout, formatTable(rows));
    });
}
