import { askPainter } from './ask-painter.ts';
import { createEvaluationReporter, type EvaluationTold } from './evaluation-reporter.ts';
import type { Terminal } from './terminal.ts';
import { unheard } from './unheard.ts';

/** How a question that takes pictures is asked. */
export interface AskedOptions {
  readonly terminal: Terminal;
  /** What it is, as a subject of a message: `the evaluation`. */
  readonly purpose: string;
  readonly cancel: AbortSignal;
  /** Where its pictures go; undefined where what it prints is all that comes of it. */
  readonly folder?: string | undefined;
}

/**
 * Has a process of its own draw and judge, and reports what it tells.
 *
 * @throws AppError as `askProcess`; `job.cancelled` once nobody can be told anything
 */
export async function askAndReport(
  worker: URL,
  question: { readonly json?: true },
  { terminal, purpose, cancel, folder }: AskedOptions,
): Promise<void> {
  const reporter = createEvaluationReporter(terminal, question.json === true);
  const signal =
    folder === undefined ? AbortSignal.any([cancel, unheard(terminal, purpose)]) : cancel;
  try {
    await askPainter(worker, question, {
      ...{ folder, purpose, signal },
      onTold: (event) => {
        reporter.report(event as EvaluationTold);
      },
    });
  } finally {
    reporter.stop();
  }
}
