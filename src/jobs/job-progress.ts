import path from 'node:path';

import type { Evaluation } from '../erase/evaluation-summary.ts';
import { phaseTitles, type Phase, type RecordedEvent } from '../erase/events.ts';
import type { LogLine, ProgressPoint, SampleView } from '../../routes/contract.ts';

/** How a job's last run ended. */
export type Outcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'error'; readonly code: string; readonly message: string };

/** Events of jobs as they are found in folders, those of older versions too. */
type FoundEvent =
  | Exclude<RecordedEvent, { event: 'sample' }>
  | (Extract<RecordedEvent, { event: 'sample' }> & {
      readonly role?: 'forget' | 'retain';
      readonly seed?: number;
    })
  | { readonly event: 'evaluation'; readonly evaluation: Evaluation; readonly time?: string };

/** Where a job stands, as its events tell. */
export class JobProgress {
  /** Runs that began: the first and the resumed ones. */
  runs = 0;
  phase: Phase | null = null;
  /** Of the last progress; a resumed run may be behind the one before. */
  last: ProgressPoint | null = null;
  evaluation: Evaluation | null = null;
  /** Null while a run has neither ended well nor told why it did not. */
  outcome: Outcome | null = null;
  readonly samples: SampleView[] = [];
  private secondsOfRuns = 0;
  private runBegan: number | null = null;
  private lastEvent: number | null = null;

  /** Takes in the next event; gives the sample if it brought a new one. */
  apply(event: FoundEvent): SampleView | null {
    const time = event.time === undefined ? null : Date.parse(event.time);
    if (event.event === 'job') this.begin(time);
    this.lastEvent = time ?? this.lastEvent;
    switch (event.event) {
      case 'phase':
        this.phase = event.phase;
        break;
      case 'progress':
        this.last = progressPoint(event);
        break;
      case 'evaluation':
        this.evaluation = event.evaluation;
        break;
      case 'done':
        this.outcome = { kind: 'done' };
        break;
      case 'error':
        this.outcome = { kind: 'error', code: event.code, message: event.message };
        break;
      case 'sample':
        return this.addSample(event);
      case 'job':
      case 'notice':
        break;
    }
    return null;
  }

  /** Seconds that its runs took, the current one until `now` (ms since 1970) if it is given. */
  seconds(now: number | null): number | null {
    if (this.runBegan === null) return this.runs === 0 ? null : this.secondsOfRuns;
    const end = now ?? this.lastEvent ?? this.runBegan;
    return this.secondsOfRuns + Math.max(0, end - this.runBegan) / 1000;
  }

  private begin(time: number | null): void {
    this.secondsOfRuns = this.seconds(null) ?? 0;
    this.runs += 1;
    this.runBegan = time;
    this.outcome = null;
    this.phase = null;
  }

  private addSample(event: Extract<FoundEvent, { event: 'sample' }>): SampleView | null {
    const { prompt, which, step, role = 'forget', seed = 0 } = event;
    const file = path.basename(event.file);
    // Drawn again after a resume.
    if (this.samples.some((sample) => sample.file === file)) return null;
    const sample = { file, prompt, role, which, step, seed };
    this.samples.push(sample);
    return sample;
  }
}

/** What a person can look back on; only ever grows at its end. */
export class JobTimeline {
  readonly progress: ProgressPoint[] = [];
  readonly log: LogLine[] = [];

  /** Takes in the next event. */
  apply(event: FoundEvent): void {
    // Steps that are done again after a resume are there already.
    if (event.event === 'progress' && event.step > (this.progress.at(-1)?.step ?? 0)) {
      this.progress.push(progressPoint(event));
    }
    const line = logLine(event);
    if (line) this.log.push({ time: event.time ?? '', ...line });
  }
}

function progressPoint(event: Extract<FoundEvent, { event: 'progress' }>): ProgressPoint {
  return {
    step: event.step,
    steps: event.steps,
    retainLoss: event.retainLoss,
    forgetLoss: event.forgetLoss,
    gap: event.gap,
    lambda: event.lambda,
    retainGradientNorm: event.retainGradientNorm,
    forgetGradientNorm: event.forgetGradientNorm,
    secondsPerStep: event.secondsPerStep,
    etaSeconds: event.etaSeconds,
    memoryBytes: event.memoryBytes ?? null,
  };
}

function logLine(event: FoundEvent): Omit<LogLine, 'time'> | null {
  switch (event.event) {
    case 'job':
      return { level: 'info', message: 'The training process has started' };
    case 'phase':
      return { level: 'info', message: phaseTitles[event.phase] };
    case 'notice':
      return { level: 'warning', message: event.message };
    case 'done':
      return { level: 'info', message: `Done: ${event.output}` };
    case 'error':
      return {
        level: event.code === 'job.cancelled' ? 'info' : 'error',
        message: event.message,
      };
    case 'progress':
    case 'sample':
    case 'evaluation':
      return null;
  }
}
