import { AppError, isErrorCode } from '../errors.ts';
import { diagnose, forkTypescript, waitForEnd } from './fork-typescript.ts';

/** What a process that was called says, once. */
type Reply =
  | { readonly answer: unknown }
  | { readonly error: { readonly code: string; readonly message: string } };

/**
 * Has a module do work in a process of its own, which blocks nothing here and takes nothing with it
 * when it crashes.
 *
 * @param module one that calls {@link answerCall}
 * @param signal aborted to end it at once
 * @throws AppError what the work throws; `device.out-of-memory` or `device.crashed` for a process
 *   that ends without an answer; the signal's reason
 */
export async function callChild<Answer>(
  module: URL,
  question: unknown,
  signal: AbortSignal = new AbortController().signal,
): Promise<Answer> {
  signal.throwIfAborted();
  const child = forkTypescript(module);
  const replies: Reply[] = [];
  child.process.once('message', (reply: Reply) => replies.push(reply));
  const kill = () => child.process.kill('SIGKILL');
  signal.addEventListener('abort', kill);
  try {
    child.process.send(question as object, () => undefined);
    const end = await waitForEnd(child);
    signal.throwIfAborted();
    const [reply] = replies;
    if (reply && 'answer' in reply) return reply.answer as Answer;
    if (reply) {
      const { code, message } = reply.error;
      throw new AppError(isErrorCode(code) ? code : 'internal.unexpected', message);
    }
    const isMemory = diagnose(end, child.complaint())?.kind === 'out-of-memory';
    const complaint = child.complaint().trim().split('\n').at(-1) ?? '';
    throw isMemory
      ? new AppError(
          'device.out-of-memory',
          'the process that checks the request was ended, most likely because the memory ran out. Close other programs and try again.',
        )
      : new AppError(
          'device.crashed',
          `the process that checks the request ended without an answer (${end.signal ?? String(end.status)})${complaint && `: ${complaint}`}`,
        );
  } finally {
    signal.removeEventListener('abort', kill);
  }
}
