import { createProgram } from './cli/program.ts';
import { addDoctorCommand } from './cli/commands/doctor.ts';
import { addEraseCommand } from './cli/commands/erase.ts';
import { addEvaluateCommand } from './cli/commands/evaluate.ts';
import { addInspectCommand } from './cli/commands/inspect.ts';
import { addInstallCommands } from './cli/commands/install.ts';
import { addPresetsCommand } from './cli/commands/presets.ts';
import { addResumeCommand } from './cli/commands/resume.ts';
import { addSampleCommand } from './cli/commands/sample.ts';
import { addServeCommand } from './cli/commands/serve.ts';
import type { CliContext } from './cli/context.ts';
import { runCli } from './cli/run-cli.ts';
import { readConfig } from './config.ts';
import type { Device } from './runtime/device.ts';

const { stdout, stderr } = process;
const arguments_ = process.argv.slice(2);
const terminal = { stdout, stderr, barStream: stdout.isTTY ? stdout : null };
const context: CliContext = {
  terminal,
  config: readConfig(),
  chooseDevice: async (wanted: Device | 'auto') => {
    // Loaded when asked for: most commands need not wait for the runtime.
    const { chooseDevice } = await import('./runtime/probe-device.ts');
    return chooseDevice(wanted);
  },
};

const program = createProgram(terminal, { json: arguments_.includes('--json') });
addServeCommand(program, context);
addEraseCommand(program, context);
addResumeCommand(program, context);
addSampleCommand(program, context);
addEvaluateCommand(program, context);
addInspectCommand(program, context);
addPresetsCommand(program, context);
addDoctorCommand(program, context);
addInstallCommands(program, context);

process.exitCode = await runCli(program, arguments_, terminal);
// Work that was given up on Ctrl-C may still be under way; what is printed must get out first.
stdout.write('', () => process.exit());
