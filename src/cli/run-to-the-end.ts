import type { JobFolder } from '../jobs/job-folder.ts';
import { runJobFolder } from '../jobs/run-job.ts';
import type { CliContext } from './context.ts';
import { createEraseReporter } from './erase-reporter.ts';
import { type Interrupts, withInterrupts } from './interrupts.ts';
import { printLine, type Terminal } from './terminal.ts';

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
 * Runs a job and shows how it goes.
 *
 * @throws AppError as `runJobFolder`
 */
export async function runToTheEnd(
  folder: JobFolder,
  { context, interrupts, json }: { context: CliContext; interrupts: Interrupts; json: boolean },
): Promise<void> {
  const reporter = createEraseReporter(context.terminal, json);
  reporter.start(folder.job, folder.path);
  try {
    await runJobFolder(folder, {
      onEvent: (event) => {
        reporter.report(event);
      },
      ...interrupts,
      resumeCommand: `erase-concept resume ${quoteForShell(folder.path)}`,
      ...(context.trainingWorker && { worker: context.trainingWorker }),
    });
  } finally {
    reporter.stop();
  }
}

function quoteForShell(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `"${argument}"`;
}
