import type { JobFolder } from '../jobs/local/job-folder.ts';
import { runOwnJob } from '../jobs/local/run-own-job.ts';
import type { CliContext } from './context.ts';
import { createEraseReporter } from './erase-reporter.ts';
import { type Interrupts, withInterrupts } from './interrupts.ts';
import { outputLossOf, printLine, type Terminal } from './terminal.ts';

/** For the help of the commands that run jobs. */
export const endingHelp = `
Ctrl-C, a closed terminal or a dropped connection save the state and end with status 5; resume goes on.
Under nohup, and where only the reader of its output ends (| head), the job goes on to its end.`;

/** Does work that the first Ctrl-C cancels safely and the second one ends. */
export function withCancelNotice(
  { stderr }: Terminal,
  work: (interrupts: Interrupts) => Promise<void>,
): Promise<void> {
  return withInterrupts(work, () => {
    printLine(stderr, '\nCancelling, once the state is saved. Press Ctrl-C again to end at once.');
  });
}

/**
 * Runs a job and shows how it goes. It goes on where standard output is lost: what it tells is kept in
 * its folder too.
 *
 * @throws AppError as `runOwnJob`
 */
export async function runToTheEnd(
  folder: JobFolder,
  { context, interrupts, json }: { context: CliContext; interrupts: Interrupts; json: boolean },
): Promise<void> {
  const { terminal } = context;
  const reporter = createEraseReporter(terminal, json);
  reporter.start(folder.job, folder.path);
  const sayLost = () => {
    printLine(terminal.stderr, describeLoss(terminal, folder));
  };
  if (terminal.outputLost.aborted) sayLost();
  terminal.outputLost.addEventListener('abort', sayLost);
  try {
    await runOwnJob(folder, {
      onEvent: (event) => {
        reporter.report(event);
      },
      ...interrupts,
      resumeCommand: `erase-concept resume ${quoteForShell(folder.path)}`,
      ...(context.trainingWorker && { worker: context.trainingWorker }),
    });
  } finally {
    reporter.stop();
    terminal.outputLost.removeEventListener('abort', sayLost);
  }
}

function describeLoss(terminal: Terminal, folder: JobFolder): string {
  const loss = outputLossOf(terminal);
  const what =
    loss?.kind === 'failed'
      ? `standard output cannot be written to (${loss.code})`
      : 'nobody reads standard output any more';
  return `erase-concept: ${what}. The job goes on; what it tells stands in ${quoteForShell(folder.eventsPath)}.`;
}

function quoteForShell(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `"${argument}"`;
}
