import type { Command } from 'commander';

import { loadPresets, presetFolders } from '../../presets/load-presets.ts';
import { dataOption, jsonOption } from '../common-options.ts';
import type { CliContext } from '../context.ts';
import { formatTable } from '../../format.ts';
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
      const presets = [...(await loadPresets(presetFolders(data))).values()];
      if (json) {
        for (const preset of presets) printJson(terminal, preset);
        return;
      }
      const rows = presets.map(({ name, title, variables }) => {
        const sets = Object.entries(variables).map(
          ([variable, { example }]) => `--set ${variable}="${example}"`,
        );
        return [name, title, sets.join(' ')];
      });
      printLine(terminal.stdout, formatTable(rows));
    });
}
