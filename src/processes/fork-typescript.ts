import { type ChildProcess, fork } from 'node:child_process';

/** How much of what a process complained is kept for the message about its end. */
const MAX_COMPLAINT_CHARACTERS = 2000;

/** A process of ours with a message channel; `complaint` is the end of its standard error. */
export interface WorkerProcess {
  readonly process: ChildProcess;
  readonly complaint: () => string;
}

/** How a process ended. */
export interface ProcessEnd {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

/**
 * Starts a module of this program, TypeScript or not, in a process of its own, which leaves the signals
 * of the terminal to this one.
 */
export function forkTypescript(module: URL): WorkerProcess {
  const child = fork(new URL('./run-module.mjs', import.meta.url), [module.href], {
    // One helper for the garbage collector: four of them take turns with the training on its core.
    execArgv: ['--v8-pool-size=1'],
    // Its output is ours to show: standard output may be promised to hold JSON only.
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    serialization: 'advanced',
  });
  let complaint = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-MAX_COMPLAINT_CHARACTERS);
  });
  return { process: child, complaint: () => complaint };
}

/** Waits until a process has ended and all its messages have arrived. */
export function waitForEnd({ process: child }: WorkerProcess): Promise<ProcessEnd> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => {
      resolve({ status, signal });
    });
  });
}

/** Exit statuses that stand for a signal (128 + its number) or a Windows exception (NTSTATUS). */
const crashStatuses = new Map<number, string>([
  [132, 'SIGILL'],
  [134, 'SIGABRT'],
  [135, 'SIGBUS'],
  [136, 'SIGFPE'],
  [139, 'SIGSEGV'],
  [0xc0000005, 'access violation'],
  [0xc000001d, 'illegal instruction'],
  [0xc0000409, 'abort'],
]);
const crashSignals: readonly NodeJS.Signals[] = [
  'SIGILL',
  'SIGABRT',
  'SIGBUS',
  'SIGFPE',
  'SIGSEGV',
];

/** Why a process ended without having said so itself; `name` is that of the signal or exception. */
export interface Death {
  readonly kind: 'crash' | 'out-of-memory' | 'ended';
  readonly name: string;
}

/**
 * Tells crashes of native code from processes that found no memory or that someone ended; null for
 * an ordinary exit.
 */
export function diagnose({ status, signal }: ProcessEnd, complaint: string): Death | null {
  const name =
    signal && crashSignals.includes(signal)
      ? signal
      : status === null
        ? undefined
        : crashStatuses.get(status);
  // The JavaScript engine and the C++ library abort where they find no memory.
  if (name && /out of memory|bad_alloc|allocation failed/i.test(complaint)) {
    return { kind: 'out-of-memory', name };
  }
  if (name) return { kind: 'crash', name };
  // What the system does to the largest process when the memory runs out. (137 = 128 + SIGKILL.)
  if (signal === 'SIGKILL' || status === 137) return { kind: 'out-of-memory', name: 'SIGKILL' };
  return signal ? { kind: 'ended', name: signal } : null;
}
