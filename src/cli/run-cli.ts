import { type Command, CommanderError } from 'commander';

import { describeError, type ErrorEvent } from '../jobs/describe-error.ts';
import { AppError } from '../errors.ts';
import { outputLossOf, printJson, printLine, type Terminal } from './terminal.ts';

const USAGE_STATUS = 2;
const UNEXPECTED_STATUS = 1;

/**
 * Runs a command line to its end and waits until all it printed is out. Every error becomes a sentence
 * on standard error, or with `--json` an event on standard output. A reader that ended early has had
 * enough; any other output that could not be written is an error too.
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
  const failure = await runCommand(program, arguments_);
  if (failure && json) printJson(terminal, failure.event);
  await terminal.flush();
  const loss = outputLossOf(terminal);
  if (failure) {
    const isTold = json ? loss === null : failure.isPrinted;
    if (!isTold) printLine(terminal.stderr, `erase-concept: ${failure.event.message}`);
    return failure.status;
  }
  if (loss?.kind !== 'failed') return 0;
  printLine(
    terminal.stderr,
    `erase-concept: standard output could not be written to (${loss.code}): what this command told is missing or cut off there.`,
  );
  return UNEXPECTED_STATUS;
}

interface Failure {
  readonly event: ErrorEvent;
  readonly status: number;
  /** Commander has printed its errors, but for `--json`. */
  readonly isPrinted: boolean;
}

async function runCommand(
  program: Command,
  arguments_: readonly string[],
): Promise<Failure | null> {
  try {
    await program.parseAsync(arguments_, { from: 'user' });
    return null;
  } catch (error) {
    if (error instanceof CommanderError) {
      // It has printed its help or version.
      if (error.exitCode === 0) return null;
      return { event: usageError(error), status: USAGE_STATUS, isPrinted: true };
    }
    const { event, exitStatus } = describeError(error);
    return { event, status: exitStatus, isPrinted: false };
  }
}

function usageError(error: CommanderError): ErrorEvent {
  const message =
    error.code === 'commander.help'
      ? 'no command was given'
      : error.message.replace(/^error: |\.$/g, '');
  return describeError(new AppError('usage.invalid', `${message}. See --help.`)).event;
}
