import { availableParallelism } from 'node:os';
import path from 'node:path';
import { type Command, Option } from 'commander';

import { type HostKind, hostKinds } from '../../hosts/detect.ts';
import { dataOption, hostUrlOption } from '../common-options.ts';
import type { CliContext } from '../context.ts';
import { withInterrupts } from '../interrupts.ts';
import { parentGone } from '../parent-watch.ts';
import { wholeNumber } from '../parse-option.ts';
import { addSharedOptions, readShared, type SharedOptions } from '../shared-options.ts';
import { printLine } from '../terminal.ts';
import { whenAborted } from '../when-aborted.ts';

interface ServeCommandOptions extends SharedOptions {
  readonly port: number;
  readonly listen: string;
  readonly data: string;
  readonly models?: readonly string[];
  readonly threads: number;
  readonly host?: HostKind;
  readonly hostUrl?: URL;
  readonly hostFolder?: string;
  readonly watchParent?: true;
}

const loopback = ['127.0.0.1', 'localhost', '::1'];

/** `erase-concept serve`: the sidecar and its page. */
export function addServeCommand(program: Command, context: CliContext): void {
  const { config } = context;
  const command = program
    .command('serve')
    .description('Serve the page in which concepts are erased, for a browser or a web UI.')
    .option('--port <n>', 'port to listen on', wholeNumber(0), config.port)
    .option('--listen <address>', 'address to listen on', '127.0.0.1')
    .addOption(dataOption(config.dataFolder))
    .option(
      '--models <folder...>',
      'folders of checkpoints, where no web UI has its own (default: models in the data folder, and the tiny model)',
    )
    .addOption(
      new Option('--threads <n>', 'threads for training on the CPU')
        .argParser(wholeNumber(1))
        .default(
          threadsBesideThePage(),
          'one per core; of four cores and more, one is left to the page and the machine',
        ),
    )
    .addOption(
      new Option(
        '--host <kind>',
        'web UI whose models these are; a1111 is also Forge, Forge Neo, reForge and SD.Next (default: the one at --host-url, or none)',
      ).choices(hostKinds),
    )
    .addOption(hostUrlOption())
    .option(
      '--host-folder <folder>',
      'folder that the web UI runs in, for one that names its models by paths within it (SD.Next)',
      (folder) => path.resolve(folder),
    )
    .option(
      '--watch-parent',
      'end, as on Ctrl-C, when the program that started this one and holds its standard input ends',
    )
    .action((options: ServeCommandOptions) => serve(options, command, context));
  addSharedOptions(command, config.shared);
}

async function serve(
  options: ServeCommandOptions,
  command: Command,
  { terminal, config, trainingWorker }: CliContext,
): Promise<void> {
  const {
    port,
    listen,
    data,
    models = [],
    threads,
    host,
    hostUrl,
    hostFolder,
    watchParent,
  } = options;
  const shared = readShared(options, command);
  // Loaded here, not at the start: other commands need not wait for it.
  const { startSidecar } = await import('../../serve.ts');
  await withInterrupts(
    async ({ cancel, kill }) => {
      const end = watchParent ? AbortSignal.any([cancel, parentGone(process.stdin)]) : cancel;
      const sidecar = await startSidecar({
        port,
        listen,
        dataFolder: data,
        modelFolders: models.map((folder) => path.resolve(folder)),
        threads,
        hostKind: host ?? null,
        hostUrl: hostUrl ?? null,
        hostFolder: hostFolder ?? null,
        hostCredentials: config.hostCredentials,
        shared,
        ...(trainingWorker && { trainingWorker }),
      });
      if (!loopback.includes(listen)) {
        printLine(
          terminal.stderr,
          `Everyone who reaches ${listen} can open this page with the token of the link, over an unencrypted connection: give the link to nobody whom you would not let use this machine.`,
        );
      }
      printLine(terminal.stdout, `Erase Concept: ${sidecar.startLink}`);
      await whenAborted(end);
      await sidecar.close(kill);
    },
    () => {
      printLine(
        terminal.stderr,
        '\nEnding, once training has saved its state. Press Ctrl-C again to end at once.',
      );
    },
  );
}

function threadsBesideThePage(): number {
  const cores = availableParallelism();
  return cores < 4 ? cores : cores - 1;
}
