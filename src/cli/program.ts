import { Command } from 'commander';

import { isJobPath } from '../jobs/local/job-folder.ts';
import { appVersion } from '../version.ts';
import type { Terminal } from './terminal.ts';

/** The command line without its commands: each adds itself. */
export function createProgram(terminal: Terminal, { json }: { json: boolean }): Command {
  return new Command('erase-concept')
    .description('Erases a concept from a Stable Diffusion checkpoint; the result is a new file.')
    .version(appVersion)
    .exitOverride()
    .showHelpAfterError('See --help of the command for its options.')
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      // With --json an error is an event, printed by whoever catches it.
      writeErr: (text) => json || terminal.stderr.write(text),
    })
    .hook('preAction', (_, command) => {
      requireOwnValues(command);
      requireDataFolder(command);
    });
}

/** Refuses a command that needs a data folder where nothing says which. */
function requireDataFolder(command: Command): void {
  const isAsked = command.options.some(({ long }) => long === '--data');
  if (!isAsked || command.args.some(isJobPath) || command.getOptionValue('data') !== undefined)
    return;
  command.error(
    'error: this user has no home folder to keep jobs and presets in. Give a folder with --data, or set ERASE_CONCEPT_DATA',
  );
}

/**
 * Refuses an option whose value was forgotten: commander takes whatever comes next for it, so that
 * `--forget --json` would erase "--json".
 */
function requireOwnValues(command: Command): void {
  for (const option of command.options) {
    const values = [command.getOptionValue(option.attributeName())].flat();
    for (const value of values) {
      if (command.options.every(({ long }) => long !== value)) continue;
      command.error(`error: option '${option.flags}' argument missing: '${value}' is an option`);
    }
  }
}
