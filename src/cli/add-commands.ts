import type { Command } from 'commander';

import { addAttackCommand } from './commands/attack.ts';
import { addDoctorCommand } from './commands/doctor.ts';
import { addEraseCommand } from './commands/erase.ts';
import { addEvaluateCommand } from './commands/evaluate.ts';
import { addKnowsCommand } from './commands/knows.ts';
import { addLikelihoodCommand } from './commands/likelihood.ts';
import { addMergeCommand } from './commands/merge.ts';
import { addInspectCommand } from './commands/inspect.ts';
import { addInstallCommands } from './commands/install.ts';
import { addPresetsCommand } from './commands/presets.ts';
import { addResumeCommand } from './commands/resume.ts';
import { addSampleCommand } from './commands/sample.ts';
import { addServeCommand } from './commands/serve.ts';
import { addSweepCommand } from './commands/sweep.ts';
import { addWorkerCommand } from './commands/worker.ts';
import type { CliContext } from './context.ts';

/** Gives the program its commands, in the order in which `--help` lists them. */
export function addCommands(program: Command, context: CliContext): void {
  addServeCommand(program, context);
  addWorkerCommand(program, context);
  addEraseCommand(program, context);
  addSweepCommand(program, context);
  addResumeCommand(program, context);
  addSampleCommand(program, context);
  addEvaluateCommand(program, context);
  addKnowsCommand(program, context);
  addLikelihoodCommand(program, context);
  addAttackCommand(program, context);
  addMergeCommand(program, context);
  addInspectCommand(program, context);
  addPresetsCommand(program, context);
  addDoctorCommand(program, context);
  addInstallCommands(program, context);
}
