import { type Command, CommanderError } from 'commander';

import { describeError } from '../jobs/describe-error.ts';
import { AppError } from '../errors.ts';
import { printJson, printLine, type Terminal } from './terminal.ts';

const USAGE_STATUS = 2;

/**
 * Runs a command line to its end; every error becomes a sentence on standard error, or with `--json`
 * an event on standard output.
 *
 * @param program a command whose errors throw (`exitOverride`)
 * @param arguments_ without the program's own name
 * @returns the exit status
 */
export async function runCli(
  program: Command,
  arguments_: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const json = arguments_.includes('--json');
  try {
    await program.parseAsync(arguments_, { from: 'user' });
    return 0;
  } catch (error) {
    // Commander has printed its help or, but for --json, its error.
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return 0;
      if (json) printJson(terminal, usageError(error));
      return USAGE_STATUS;
    }
    const { event, exitStatus } = describeError(error);
    if (json) printJson(terminal, event);
    else printLine(terminal.stderr, `erase-concept: ${event.message}`);
    return exitStatus;
  }
}

function usageError(error: CommanderError) {
  const message =
    error.code === 'commander.help'
      ? 'no command was given'
      : error.message.replace(/^error: |\.$/g, '');
  return describeError(new AppError('usage.invalid', `${message}. See --help.`)).event;
}
