import { addCommands } from './cli/add-commands.ts';
import { createProgram } from './cli/program.ts';
import type { CliContext } from './cli/context.ts';
import { runCli } from './cli/run-cli.ts';
import { openTerminal } from './cli/terminal.ts';
import { readConfig } from './config.ts';
import type { Device } from './runtime/device.ts';

const arguments_ = process.argv.slice(2);
const terminal = openTerminal();
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
addCommands(program, context);

process.exit(await runCli(program, arguments_, terminal));
