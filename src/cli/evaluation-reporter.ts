import { SingleBar } from 'cli-progress';

import type { AttackResult } from '../attacks/run-attack.ts';
import type { Evaluation } from '../evaluation/evaluation.ts';
import type { Phase, SampleEvent } from '../erase/events.ts';
import { describeAttack } from './describe-attack.ts';
import { describeKnowledge, type Knowledge } from './describe-knowledge.ts';
import { describeEvaluation } from './describe-evaluation.ts';
import { formatDuration } from '../format.ts';
import { printJson, printLine, type Remark, tellRemark, type Terminal } from './terminal.ts';

/** What `evaluate`, `attack` and `knows` tell, as `--json` prints it. */
export type EvaluationTold =
  | Remark
  | { readonly event: 'phase'; readonly phase: Phase }
  /** Pictures drawn or judged, of all there are. */
  | {
      readonly event: 'progress';
      readonly step: number;
      readonly steps: number;
      readonly secondsPerStep: number;
      readonly etaSeconds: number;
    }
  | ({ readonly event: 'sample' } & Pick<SampleEvent, 'file' | 'prompt' | 'which'>)
  | ({ readonly event: 'evaluation' } & Evaluation)
  | ({ readonly event: 'attack' } & AttackResult)
  | ({ readonly event: 'knowledge' } & Knowledge)
  | { readonly event: 'done'; readonly output: string | null; readonly seconds: number };

/** Tells a person or a program how an evaluation goes and what came out. */
export interface EvaluationReporter {
  report(event: EvaluationTold): void;
  /** Gives the terminal back. */
  stop(): void;
}

/** The reporter for `--json`, for a terminal, or for anything else. */
export function createEvaluationReporter(terminal: Terminal, json: boolean): EvaluationReporter {
  return json ? new JsonReporter(terminal) : new TextReporter(terminal);
}

class JsonReporter implements EvaluationReporter {
  private readonly terminal: Terminal;

  constructor(terminal: Terminal) {
    this.terminal = terminal;
  }

  report(event: EvaluationTold): void {
    printJson(this.terminal, event);
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

  report(event: EvaluationTold): void {
    switch (event.event) {
      case 'warning':
      case 'notice':
        this.stop();
        tellRemark(this.terminal, event, false);
        break;
      case 'phase':
        this.print(phaseTitles[event.phase] ?? event.phase);
        break;
      case 'progress':
        this.showProgress(event.step, event.steps);
        break;
      case 'sample':
        // As many as there are pictures; the folder is named at the end.
        break;
      case 'evaluation':
        this.print(describeEvaluation(event));
        break;
      case 'attack':
        this.print(describeAttack(event));
        break;
      case 'knowledge':
        this.print(describeKnowledge(event));
        break;
      case 'done':
        if (event.output !== null) this.print(`Pictures: ${event.output}`);
        this.print(`Done in ${formatDuration(event.seconds)}`);
        break;
    }
  }

  stop(): void {
    if (!this.isRunning) return;
    this.bar?.stop();
    this.isRunning = false;
  }

  private print(text: string): void {
    this.stop();
    printLine(this.terminal.stdout, text);
  }

  private showProgress(step: number, steps: number): void {
    if (!this.bar) return;
    if (this.isRunning) this.bar.update(step);
    else this.bar.start(steps, step);
    this.isRunning = true;
  }
}
