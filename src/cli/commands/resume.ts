import type { Command } from 'commander';

import { folderOfJob, openJobFolder } from '../../jobs/local/job-folder.ts';
import { requireResumable } from '../../jobs/local/run-job.ts';
import { dataOption, jsonOption } from '../common-options.ts';
import type { CliContext } from '../context.ts';
import { untilAborted } from '../interrupts.ts';
import { endingHelp, runToTheEnd, withCancelNotice } from '../run-to-the-end.ts';

interface ResumeOptions {
  /** Missing only where the job is given by its path. */
  readonly data?: string;
  readonly json?: true;
}

/** `erase-concept resume`: goes on with an interrupted or cancelled job. */
export function addResumeCommand(program: Command, context: CliContext): void {
  program
    .command('resume')
    .description('Go on with an interrupted or cancelled job.')
    .argument('<job>', "the job's id, or the path of its folder")
    .addOption(dataOption(context.config.dataFolder))
    .addOption(jsonOption())
    .addHelpText('after', endingHelp)
    .action((job: string, options: ResumeOptions) => resume(job, options, context));
}

async function resume(job: string, options: ResumeOptions, context: CliContext): Promise<void> {
  await withCancelNotice(context.terminal, async (interrupts) => {
    const folder = await openJobFolder(folderOfJob(options.data ?? '', job), job);
    await untilAborted(requireResumable(folder), interrupts.cancel);
    await runToTheEnd(folder, { context, interrupts, json: options.json === true });
  });
}
