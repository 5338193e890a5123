import { SingleBar } from 'cli-progress';

import type { Evaluation } from '../evaluation/evaluation.ts';
import type { Phase, SampleEvent } from '../erase/events.ts';
import { describeEvaluation } from './describe-evaluation.ts';
import { formatDuration } from '../format.ts';
import { printJson, printLine, type Terminal } from './terminal.ts';

type Sample = Pick<SampleEvent, 'file' | 'prompt' | 'which'>;

/** Tells a person or a program how an evaluation goes and what came out. */
export interface EvaluationReporter {
  phase(phase: Phase): void;
  /** Pictures drawn or judged, of all there are. */
  progress(done: number, total: number): void;
  sample(sample: Sample): void;
  done(evaluation: Evaluation, end: { output: string | null; seconds: number }): void;
  /** Gives the terminal back. */
  stop(): void;
}

/** The reporter for `--json`, for a terminal, or for anything else. */
export function createEvaluationReporter(terminal: Terminal, json: boolean): EvaluationReporter {
  return json ? new JsonReporter(terminal) : new TextReporter(terminal);
}

class JsonReporter implements EvaluationReporter {
  private readonly terminal: Terminal;
  private readonly started = performance.now();

  constructor(terminal: Terminal) {
    this.terminal = terminal;
  }

  phase(phase: Phase): void {
    printJson(this.terminal, { event: 'phase', phase });
  }

  progress(done: number, total: number): void {
    const secondsPerStep = (performance.now() - this.started) / 1000 / done;
    const etaSeconds = secondsPerStep * (total - done);
    const progress = { step: done, steps: total, secondsPerStep, etaSeconds };
    printJson(this.terminal, { event: 'progress', ...progress });
  }

  sample(sample: Sample): void {
    printJson(this.terminal, { event: 'sample', ...sample });
  }

  done(evaluation: Evaluation, end: { output: string | null; seconds: number }): void {
    printJson(this.terminal, { event: 'evaluation', ...evaluation });
    printJson(this.terminal, { event: 'done', ...end });
  }

  stop(): void {
    // Every line is whole when it is printed.
  }
}

const phaseTitles: Partial<Readonly<Record<Phase, string>>> = {
  encode: 'Encoding prompts',
  generate: 'Drawing the same pictures with both models',
  evaluate: 'Judging them with the original',
};

class TextReporter implements EvaluationReporter {
  private readonly terminal: Terminal;
  private readonly bar: SingleBar | null;
  private isRunning = false;

  constructor(terminal: Terminal) {
    this.terminal = terminal;
    this.bar =
      terminal.barStream &&
      new SingleBar({
        format: '  {bar} {value}/{total}  {eta_formatted} left',
        barCompleteChar: '█',
        barIncompleteChar: '░',
        barsize: 24,
        hideCursor: true,
        stream: terminal.barStream,
      });
  }

  phase(phase: Phase): void {
    this.stop();
    printLine(this.terminal.stdout, phaseTitles[phase] ?? phase);
  }

  progress(done: number, total: number): void {
    if (!this.bar) return;
    if (this.isRunning) this.bar.update(done);
    else this.bar.start(total, done);
    this.isRunning = true;
  }

  sample(): void {
    // As many as there are pictures; the folder is named at the end.
  }

  done(evaluation: Evaluation, end: { output: string | null; seconds: number }): void {
    this.stop();
    const { stdout } = this.terminal;
    printLine(stdout, describeEvaluation(evaluation));
    if (end.output !== null) printLine(stdout, `Pictures: ${end.output}`);
    printLine(stdout, `Done in ${formatDuration(end.seconds)}`);
  }

  stop(): void {
    if (!this.isRunning) return;
    this.bar?.stop();
    this.isRunning = false;
  }
}
