import { AppError, asAppError, isErrorCode } from '../errors.ts';
import { endWithParent } from './end-with-parent.ts';
import { diagnose, forkTypescript, type ProcessEnd, waitForEnd } from './fork-typescript.ts';

/** What an answering process sends back, last. */
type Reply =
  | { readonly answer: unknown }
  | { readonly error: Pick<AppError, 'message' | 'remedy'> & { readonly code: string } };
/** What it sends before. */
interface Told {
  readonly told: unknown;
}

/** How a process is asked. */
export interface AskOptions {
  /** After this the process is ended. Default: never. */
  readonly timeoutMs?: number;
  /** What it does, as a subject of a message: `suggesting prompts`. */
  readonly purpose: string;
  /** Aborted where nobody waits for the answer any more. */
  readonly signal?: AbortSignal;
  /** Given all that it tells on the way to its answer. */
  readonly onTold?: (message: unknown) => void;
}

/**
 * Has a module of this program answer one question in a process of its own, which `answerQuestion`
 * serves there: heavy work keeps no event loop waiting, and native code that aborts takes only that
 * process with it.
 *
 * @throws AppError what the module throws; `device.crashed`, `device.out-of-memory`; the signal's
 *   reason
 */
export async function askProcess(
  module: URL,
  question: unknown,
  { timeoutMs, purpose, signal, onTold }: AskOptions,
): Promise<unknown> {
  signal?.throwIfAborted();
  const worker = forkTypescript(module);
  const replies: Reply[] = [];
  worker.process.on('message', (message: Reply | Told) => {
    if ('told' in message) onTold?.(message.told);
    else replies.push(message);
  });
  const kill = () => worker.process.kill('SIGKILL');
  signal?.addEventListener('abort', kill, { once: true });
  const timer = timeoutMs === undefined ? undefined : setTimeout(kill, timeoutMs);
  try {
    worker.process.send({ question }, () => undefined);
    const end = await waitForEnd(worker);
    signal?.throwIfAborted();
    const [reply] = replies;
    if (reply && 'answer' in reply) return reply.answer;
    if (reply) throw restoreError(reply.error);
    if (worker.process.killed && timeoutMs !== undefined) {
      throw new AppError(
        'device.crashed',
        `${purpose} took more than ${timeoutMs / 1000} s and was given up. Try again when the machine has less to do.`,
      );
    }
    throw asFailure(end, worker.complaint(), purpose);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', kill);
  }
}

function asFailure(end: ProcessEnd, complaint: string, purpose: string): AppError {
  const death = diagnose(end, complaint);
  if (death?.kind === 'out-of-memory') {
    return new AppError(
      'device.out-of-memory',
      `${purpose} found too little memory. Close other programs and try again.`,
    );
  }
  const how = death?.name ?? `status ${String(end.status)}`;
  return new AppError(
    'device.crashed',
    `${purpose} ended without an answer (${how}). Try again, or choose another device.`,
  );
}

function restoreError({
  code,
  message,
  remedy,
}: Extract<Reply, { error: unknown }>['error']): AppError {
  return new AppError(isErrorCode(code) ? code : 'internal.unexpected', message, { remedy });
}

/**
 * Makes this process one that answers a single question and ends.
 *
 * @param work is given what `onTold` is called with
 */
export function answerQuestion(
  work: (question: unknown, tell: (message: unknown) => void) => Promise<unknown>,
): void {
  const reply = (message: Reply) => {
    process.send?.(message, undefined, undefined, () => {
      // Open sessions would keep the process alive.
      process.exit(0);
    });
  };
  const tell = (told: unknown) => {
    process.send?.({ told } satisfies Told);
  };
  endWithParent();
  process.on('message', ({ question }: { question: unknown }) => {
    work(question, tell).then(
      (answer) => {
        reply({ answer });
      },
      (error: unknown) => {
        const { code, message, remedy } = asAppError(error);
        reply({ error: { code, message, remedy } });
      },
    );
  });
}
