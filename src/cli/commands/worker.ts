import { hostname, totalmem } from 'node:os';
import type { Command } from 'commander';

import { AppError, asAppError } from '../../errors.ts';
import type { Device } from '../../runtime/device.ts';
import { dataOption, deviceOption, jsonOption, threadsOption } from '../common-options.ts';
import type { CliContext } from '../context.ts';
import { withInterrupts } from '../interrupts.ts';
import { wholeNumber } from '../parse-option.ts';
import { addSharedOptions, readShared, type SharedOptions } from '../shared-options.ts';
import { printLine } from '../terminal.ts';
import { whenAborted } from '../when-aborted.ts';

interface WorkerCommandOptions extends SharedOptions {
  readonly data: string;
  readonly device: Device | 'auto';
  readonly concurrency: number;
  readonly threads?: number;
  readonly name?: string;
  readonly memory?: number;
  readonly cache: number;
  readonly json?: true;
}

/** Models of a studio; a checkpoint of SD 1.5 takes 2 to 7 GB. */
const DEFAULT_CACHE_GB = 100;

/** `erase-concept worker`: does the jobs of a queue that many machines share. */
export function addWorkerCommand(program: Command, context: CliContext): void {
  const command = program
    .command('worker')
    .description('Do the jobs of a queue that serve --queue has, on this machine.');
  addSharedOptions(command, context.config.shared)
    .addOption(deviceOption())
    .option('--concurrency <n>', 'jobs at a time', wholeNumber(1), 1)
    .addOption(threadsOption())
    .option(
      '--name <name>',
      'what the list of workers calls it (default: the machine’s name and the device)',
    )
    .option(
      '--memory <gigabytes>',
      'the most that a job may need: of the card’s memory, or on the CPU of the machine’s (default on the CPU: all of it; on a card: no limit)',
      wholeNumber(1),
    )
    .option('--cache <gigabytes>', 'models kept for later jobs', wholeNumber(1), DEFAULT_CACHE_GB)
    .addOption(dataOption(context.config.dataFolder))
    .addOption(jsonOption())
    .action((options: WorkerCommandOptions) => work(options, command, context));
}

async function work(
  options: WorkerCommandOptions,
  command: Command,
  { terminal, chooseDevice, trainingWorker }: CliContext,
): Promise<void> {
  const shared = readShared(options, command);
  if (!shared) return command.error('error: a worker needs the --queue that it works for');
  const { startWorker } = await import('../../jobs/redis/start-worker.ts');
  await withInterrupts(
    async ({ cancel, kill }) => {
      const device = await chooseDevice(options.device);
      const name = requireName(options.name ?? `${hostname()}-${device}`);
      const tell = (jobs: readonly string[], words: string) => {
        const time = new Date().toISOString();
        const event = { event: 'worker', time, worker: name, device, jobs };
        printLine(terminal.stdout, options.json ? JSON.stringify(event) : `${name} ${words}`);
      };
      const worker = await startWorker({
        ...{ ...shared, name, device, concurrency: options.concurrency },
        dataFolder: options.data,
        threads: options.threads ?? null,
        memoryBytes: options.memory === undefined ? memoryOf(device) : options.memory * 1e9,
        cacheBytes: options.cache * 1e9,
        onJobs: (ids) => {
          tell(ids, ids.length === 0 ? 'waits for a job' : `works on ${ids.join(', ')}`);
        },
        onTrouble: (error) => {
          const { code, message } = asAppError(error);
          const trouble = { event: 'trouble', time: new Date().toISOString(), worker: name };
          printLine(
            terminal.stderr,
            options.json ? JSON.stringify({ ...trouble, code, message }) : message,
          );
        },
        ...(trainingWorker && { trainingWorker }),
      });
      tell([], `waits for jobs on ${device}`);
      await whenAborted(cancel);
      await worker.close(kill);
    },
    () => {
      printLine(
        terminal.stderr,
        '\nEnding, once training has saved its state; another worker goes on. Press Ctrl-C again to end at once.',
      );
    },
  );
}

/** A card's is not told by the runtime. */
function memoryOf(device: Device): number | null {
  return device === 'cpu' ? totalmem() : null;
}

/** It becomes the name of a folder. */
function requireName(name: string): string {
  if (/^[\w][\w.-]{0,99}$/.test(name)) return name;
  throw new AppError(
    'usage.invalid',
    `"${name}" cannot be a worker's name: letters, digits, dots, dashes and underlines can. Choose another one with --name.`,
  );
}
