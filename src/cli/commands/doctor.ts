import type { Command } from 'commander';

import { dataOption, jsonOption } from '../common-options.ts';
import type { CliContext } from '../context.ts';
import { printJson, printLine } from '../terminal.ts';

interface DoctorOptions {
  readonly data: string;
  readonly json?: true;
}

/** `erase-concept doctor`: what this machine has to train on. */
export function addDoctorCommand(program: Command, { terminal, config }: CliContext): void {
  program
    .command('doctor')
    .description('Tell versions, memory and disk, and try each device.')
    .addOption(dataOption(config.dataFolder))
    .addOption(jsonOption())
    .action(async ({ data, json }: DoctorOptions) => {
      // Loaded here, not at the start: other commands need not wait for the runtime.
      const { describeMachine, examineMachine } = await import('../machine-report.ts');
      const report = await examineMachine(data);
      if (json) printJson(terminal, report);
      else printLine(terminal.stdout, describeMachine(report));
    });
}
