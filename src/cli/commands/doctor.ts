import type { Command } from 'commander';

import { dataOption, hostUrlOption, jsonOption } from '../common-options.ts';
import type { CliContext } from '../context.ts';
import { printJson, printLine } from '../terminal.ts';

interface DoctorOptions {
  readonly data: string;
  readonly hostUrl?: URL;
  readonly json?: true;
}

/** `erase-concept doctor`: what this machine has to train on, and to draw with. */
export function addDoctorCommand(program: Command, { terminal, config }: CliContext): void {
  program
    .command('doctor')
    .description('Tell versions, memory, disk and web UIs, and try each device.')
    .addOption(dataOption(config.dataFolder))
    .addOption(hostUrlOption())
    .addOption(jsonOption())
    .action(async ({ data, hostUrl, json }: DoctorOptions) => {
      // Loaded here, not at the start: other commands need not wait for the runtime.
      const { describeMachine, examineMachine } = await import('../machine-report.ts');
      const report = await examineMachine(hostUrl ?? null, {
        dataFolder: data,
        credentials: config.hostCredentials,
      });
      if (json) printJson(terminal, report);
      else printLine(terminal.stdout, describeMachine(report));
    });
}
