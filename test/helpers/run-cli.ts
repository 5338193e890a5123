import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';

import { addCommands } from '../../src/cli/add-commands.ts';
import { createProgram } from '../../src/cli/program.ts';
import { runCli as runProgram } from '../../src/cli/run-cli.ts';
import { readConfig } from '../../src/config.ts';
import { chooseDevice } from '../../src/runtime/probe-device.ts';

const bin = path.resolve(import.meta.dirname, '../../src/bin.mjs');
/** A command that hangs must fail its test, not stop the others; on a busy machine one takes a minute. */
const LIMIT_MS = 150_000;

/** How a command ended and what it printed. */
export interface CliResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command under way. */
export interface RunningCli {
  readonly process: ChildProcess;
  readonly ended: Promise<CliResult>;
  /** Waits for a line on standard output that holds `text`. */
  readonly printed: (text: string) => Promise<void>;
}

/**
 * Starts the program as a person does, its output no terminal.
 *
 * @param folder where it runs; its data go to `data` in there
 * @param wrapper a program that runs what follows its own arguments, like `nice`
 */
export function startCli(
  args: readonly string[],
  {
    folder,
    wrapper = [],
    limitMs = LIMIT_MS,
  }: { folder: string; wrapper?: readonly string[]; limitMs?: number },
): RunningCli {
  const [program = '', ...rest] = [...wrapper, process.execPath, bin, ...args];
  const child = spawn(program, rest, {
    cwd: folder,
    env: { ...process.env, ERASE_CONCEPT_DATA: path.join(folder, 'data') },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, which a test can interrupt as a terminal does.
    detached: true,
    timeout: limitMs,
    killSignal: 'SIGKILL',
  });
  let stdout = '';
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  const ended = new Promise<CliResult>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => {
      resolve({ status, stdout, stderr });
    });
  });
  const printed = (text: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        const isWhole = stdout
          .split('\n')
          .slice(0, -1)
          .some((line) => line.includes(text));
        if (isWhole) resolve();
      };
      child.stdout.on('data', look);
      child.once('close', () => {
        reject(new Error(`ended without printing ${text}:\n${stdout}${stderr}`));
      });
      look();
    });
  return { process: child, ended, printed };
}

/** Runs the program to its end. */
export function runCli(
  args: readonly string[],
  folder: string,
  limitMs?: number,
): Promise<CliResult> {
  return startCli(args, { folder, ...(limitMs !== undefined && { limitMs }) }).ended;
}

/** The objects of `--json`; throws unless standard output is such lines and nothing else. */
export function parseEvents(stdout: string): Record<string, unknown>[] {
  if (stdout !== '' && !stdout.endsWith('\n')) throw new Error(`a line was cut off: ${stdout}`);
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/**
 * Calls the program within this process, which takes a fraction of the second that a start of Node
 * takes; what trains is a process of its own all the same. While it runs, `folder` is where this process runs.
 *
 * @param trainingWorker the module of that process, if not the one that trains
 */
export async function callCli(
  args: readonly string[],
  folder: string,
  trainingWorker?: URL,
): Promise<CliResult> {
  const printed = { stdout: '', stderr: '' };
  const sink = (name: keyof typeof printed) => ({
    write: (text: string) => (printed[name] += text),
  });
  const terminal = {
    stdout: sink('stdout'),
    stderr: sink('stderr'),
    barStream: null,
    outputLost: new AbortController().signal,
    flush: () => Promise.resolve(),
  };
  const config = readConfig({ ...process.env, ERASE_CONCEPT_DATA: path.join(folder, 'data') });
  const program = createProgram(terminal, { json: args.includes('--json') });
  addCommands(program, {
    ...{ terminal, config, chooseDevice },
    ...(trainingWorker && { trainingWorker }),
  });
  const before = process.cwd();
  process.chdir(folder);
  try {
    return { status: await runProgram(program, args, terminal), ...printed };
  } finally {
    process.chdir(before);
  }
}
