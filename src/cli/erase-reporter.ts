import path from 'node:path';
import { SingleBar } from 'cli-progress';

import { describeDrawing, describeGuesses } from '../drawing/describe-drawing.ts';
import { describeSize } from '../drawing/drawing.ts';
import { describeReading } from '../diffusion/prediction-reading.ts';
import { describeCompanions } from '../erase/companions.ts';
import { type EraseEvent, phaseTitles, type SampleEvent } from '../erase/events.ts';
import { describeJudged } from '../erase/describe-judged.ts';
import { comparedPromptCount, MEASURING_DRAWINGS } from '../erase/compared-pictures.ts';
import { formatForgetLine } from '../erase/forget-lines.ts';
import type { EraseJob } from '../erase/job.ts';
import { describeShapes } from '../erase/picture-shapes.ts';
import { mostProbes } from '../erase/probe-counts.ts';
import { readEvaluation } from '../evaluation/stored-evaluation.ts';
import { describeEvaluation } from './describe-evaluation.ts';
import { formatDuration, formatLoss } from '../format.ts';
import type { WatchedFigure } from '../methods/method.ts';
import { methodOf, steeredTo, trainingOf, trainSetOf } from '../methods/registry.ts';
import { trainSetTitles } from '../methods/settings-fields.ts';
import { printJson, printLine, tellRemark, type Terminal } from './terminal.ts';

/** Tells a person or a program how a job goes. */
export interface EraseReporter {
  /** Before the first event. */
  start(job: EraseJob, folder: string): void;
  report(event: EraseEvent): void;
  /** Gives the terminal back; whatever is printed next stands on a line of its own. */
  stop(): void;
}

type Progress = Extract<EraseEvent, { event: 'progress' }>;
/** What is counted up to a total, but for steps. */
type Counted = Extract<EraseEvent, { event: 'evaluating' | 'editing' }>;

/** The reporter for `--json`, for a terminal, or for anything else. */
export function createEraseReporter(terminal: Terminal, json: boolean): EraseReporter {
  if (json) return new JsonReporter(terminal);
  return terminal.barStream
    ? new BarReporter(terminal, terminal.barStream)
    : new LineReporter(terminal);
}

class JsonReporter implements EraseReporter {
  private readonly terminal: Terminal;

  constructor(terminal: Terminal) {
    this.terminal = terminal;
  }

  start(): void {
    // The run's first event says it.
  }

  report(event: EraseEvent): void {
    printJson(this.terminal, event);
  }

  stop(): void {
    // Every line is whole when it is printed.
  }
}

class LineReporter implements EraseReporter {
  protected readonly terminal: Terminal;
  /** Of the job's method. */
  private figures: readonly WatchedFigure[] = [];

  constructor(terminal: Terminal) {
    this.terminal = terminal;
  }

  start(job: EraseJob, folder: string): void {
    const { forget, retain, settings, shapes, device, threads } = job;
    this.figures = methodOf(settings).figures;
    this.print(`Job ${job.id} in ${folder}`);
    this.print(`  model   ${job.model.path}`);
    for (const { title, text } of describeCompanions(job)) this.print(`  ${title}: ${text}`);
    if (job.prediction) this.print(`  predicts ${describeReading(job.prediction)}`);
    this.print(`  forget  ${countOf(forget, 'prompt')}; retain ${countOf(retain, 'prompt')}`);
    for (const line of forgetLines(job)) this.print(`            ${line}`);
    this.print(`  drawn   ${describeDrawing(settings)}`);
    for (const guess of describeGuesses(settings, job.drawingSources)) {
      this.print(`            guessed: ${guess}`);
    }
    if (shapes.length > 0) this.print(`  shapes  ${describeShapes(shapes)}`);
    const training = trainingOf(settings);
    this.print(
      training
        ? `  train   ${training.train}, ${training.steps} steps at ${shapes.length > 0 ? 'these shapes' : describeSize(settings)} on ${device === 'cpu' ? `${threads} CPU threads` : device}`
        : `  change  ${trainSetTitles[trainSetOf(settings)]}, without training`,
    );
    this.print(`  compare ${describeMeasuring(job)}`);
  }

  // eslint-disable-next-line complexity -- one case for each event
  report(event: EraseEvent): void {
    switch (event.event) {
      case 'job':
        // The rest was told at the start.
        this.print(`  result  ${event.output}`);
        break;
      case 'phase':
        this.print(phaseTitles[event.phase]);
        break;
      case 'progress':
        this.showProgress(event);
        break;
      case 'judged':
        this.print(describeJudged(event));
        break;
      case 'sample':
        this.print(`Sample (${describeMoment(event)}): ${event.file}`);
        break;
      case 'editing':
        this.showCounted(event, 'changed');
        break;
      case 'evaluating':
        this.showCounted(event, 'drawn or judged');
        break;
      case 'evaluation':
        this.print(describeEvaluation(readEvaluation(event.evaluation)));
        break;
      case 'note':
        this.print(event.message);
        break;
      case 'warning':
        tellRemark(this.terminal, event, false);
        break;
      case 'notice':
        this.print(`Note: ${event.message}`);
        break;
      case 'done':
        this.print(
          `Done in ${formatDuration(event.seconds)}: ${event.output} (job ${path.basename(event.job)})`,
        );
        break;
      case 'drawing':
        // By a web UI, which a sidecar alone has.
        break;
      case 'error':
        // Told by whoever started the job, as any other error.
        break;
    }
  }

  stop(): void {
    // Every line is whole when it is printed.
  }

  protected print(text: string): void {
    printLine(this.terminal.stdout, text);
  }

  /** The figures that the method's steps have, each behind its name. */
  protected figuresOf(progress: Progress, names: typeof longNames): string {
    return printed
      .filter((figure) => this.figures.includes(figure))
      .map((figure) => `${names[figure]} ${formatLoss(progress[figure])}  `)
      .join('');
  }

  protected showProgress(progress: Progress): void {
    const { step, steps, secondsPerStep, etaSeconds } = progress;
    const figures = this.figuresOf(progress, longNames);
    this.print(
      `step ${step}/${steps}  ${figures}${secondsPerStep.toFixed(2)} s/step  ${formatDuration(etaSeconds)} left`,
    );
  }

  protected showCounted({ done, total, etaSeconds }: Counted, what: string): void {
    this.print(`${done}/${total} ${what}  ${formatDuration(etaSeconds)} left`);
  }
}

/** What is drawn and judged at the end, and what it costs. */
function describeMeasuring({ settings, forget, retain }: EraseJob): string {
  const { evaluationPictures } = settings;
  if (evaluationPictures === 0) return 'nothing (--evaluate draws pictures and judges them)';
  const counts = { forget: forget.length, retain: retain.length };
  const pictures =
    evaluationPictures * (comparedPromptCount(counts, settings) + mostProbes(settings));
  const drawings = Math.round(pictures * MEASURING_DRAWINGS);
  return `up to ${pictures} pictures of each model at the end, drawn and judged in the time of drawing ${drawings} (--evaluate 0: none)`;
}

/** So many prompts are told one by one: what a person looks through before the work begins. */
const mostLines = 50;

/** Figures that a line has room for. */
const printed = ['retainLoss', 'forgetLoss', 'lambda'] as const satisfies WatchedFigure[];
const longNames = { retainLoss: 'retain loss', forgetLoss: 'forget loss', lambda: 'λ' };
const shortNames = { retainLoss: 'retain', forgetLoss: 'forget', lambda: 'λ' };

/** Each prompt to forget with its anchor, where the job steers to one. */
function forgetLines({ forget, settings }: EraseJob): string[] {
  const lines = forget.slice(0, mostLines).map(({ prompt, anchor: own }) => {
    const anchor = steeredTo(settings, own);
    return anchor === null ? prompt : formatForgetLine({ prompt, anchor });
  });
  const more = forget.length - lines.length;
  return more > 0 ? [...lines, `and ${more} more, in job.yaml`] : lines;
}

const countOf = ({ length }: readonly unknown[], noun: string) =>
  `${length} ${noun}${length === 1 ? '' : 's'}`;

const createBar = (stream: NodeJS.WritableStream, values: string): SingleBar =>
  new SingleBar({
    format: `  {bar} {value}/{total}  ${values}{left} left`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 24,
    hideCursor: true,
    stream,
  });

class BarReporter extends LineReporter {
  private readonly training: SingleBar;
  private readonly counting: SingleBar;
  private running: SingleBar | null = null;

  constructor(terminal: Terminal, stream: NodeJS.WritableStream) {
    super(terminal);
    this.training = createBar(stream, '{figures}');
    this.counting = createBar(stream, '');
  }

  override stop(): void {
    this.running?.stop();
    this.running = null;
  }

  protected override print(text: string): void {
    // The bar comes back below the line with the next step.
    this.stop();
    super.print(text);
  }

  protected override showProgress(progress: Progress): void {
    this.show(this.training, [progress.step, progress.steps], {
      figures: this.figuresOf(progress, shortNames),
      left: formatDuration(progress.etaSeconds),
    });
  }

  protected override showCounted({ done, total, etaSeconds }: Counted): void {
    this.show(this.counting, [done, total], { left: formatDuration(etaSeconds) });
  }

  private show(bar: SingleBar, [value, total]: readonly [number, number], payload: object): void {
    if (this.running === bar) bar.update(value, payload);
    else bar.start(total, value, payload);
    this.running = bar;
    if (value >= total) this.stop();
  }
}

function describeMoment({ which, step, strength }: SampleEvent): string {
  return `${which}, step ${step}${strength === undefined ? '' : `, strength ${strength}`}`;
}
