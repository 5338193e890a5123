import { setImmediate } from 'node:timers/promises';

import { systemErrorCode } from '../system-error.ts';

/** Where a command writes. */
export interface TextSink {
  write(text: string): unknown;
}

/** The two outputs of a command and how it speaks on them. */
export interface Terminal {
  readonly stdout: TextSink;
  readonly stderr: TextSink;
  /** The stream to draw a progress bar on; null where standard output is no terminal. */
  readonly barStream: NodeJS.WritableStream | null;
  /** Aborted once standard output cannot be written to; its reason is an `OutputLoss`. */
  readonly outputLost: AbortSignal;
  /** Waits until everything is written or lost. */
  readonly flush: () => Promise<void>;
}

/** Why standard output cannot be written to any more. */
export interface OutputLoss {
  /** `unread`: whoever read it has ended (`| head`) or the terminal is closed; `failed`: a full disk, say. */
  readonly kind: 'unread' | 'failed';
  /** The system's name for it, like `EPIPE`. */
  readonly code: string;
}

/**
 * The outputs of this process. What cannot be written is lost without an error: work goes on, and
 * whoever cares listens to `outputLost`.
 */
export function openTerminal({ stdout, stderr }: NodeJS.Process = process): Terminal {
  const losing = new AbortController();
  stdout.on('error', (error: Error) => {
    losing.abort(describeLoss(error, stdout.isTTY));
  });
  // Nothing is left to say it on.
  stderr.on('error', () => undefined);
  return {
    stdout,
    stderr,
    barStream: stdout.isTTY ? stdout : null,
    outputLost: losing.signal,
    flush: async () => {
      await new Promise((resolve) => stdout.write('', resolve));
      // An error is told a moment later than that the last write has ended.
      await setImmediate();
    },
  };
}

function describeLoss(error: Error, isTerminal: boolean): OutputLoss {
  const code = systemErrorCode(error) ?? error.message;
  // What a closed terminal gives; a disk gives it where it is broken.
  const isUnread = ['EPIPE', 'ECONNRESET'].includes(code) || (isTerminal && code === 'EIO');
  return { kind: isUnread ? 'unread' : 'failed', code };
}

/** Why the output is lost; null while it is not. */
export function outputLossOf({ outputLost }: Pick<Terminal, 'outputLost'>): OutputLoss | null {
  return outputLost.aborted ? (outputLost.reason as OutputLoss) : null;
}

/** Prints a line for people. Names from files may hold escape sequences, which do not get through. */
export function printLine(sink: TextSink, text: string): void {
  sink.write(`${text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, '\u{fffd}')}\n`);
}

/** Prints one object of `--json`. */
export function printJson({ stdout }: Terminal, value: object): void {
  stdout.write(`${JSON.stringify(value)}\n`);
}

/** What is said before the work: what may go wrong, or what was taken for granted. */
export interface Remark {
  readonly event: 'warning' | 'notice';
  readonly message: string;
}

/** Tells a person, or with `--json` a program. */
export function tellRemark(terminal: Terminal, remark: Remark, json: boolean): void {
  const { event, message } = remark;
  if (json) printJson(terminal, remark);
  else printLine(terminal.stderr, `${event === 'warning' ? 'Warning' : 'Note'}: ${message}`);
}
