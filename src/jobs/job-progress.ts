import path from 'node:path';

import type { Evaluation } from '../evaluation/evaluation.ts';
import { readEvaluation } from '../evaluation/stored-evaluation.ts';
import {
  phaseTitles,
  type JudgedEvent,
  type Phase,
  type ProgressEvent,
  type RecordedEvent,
} from '../erase/events.ts';
import { describeJudged } from '../erase/describe-judged.ts';
import { newSteps } from '../erase/new-steps.ts';
import type { ErrorEvent } from './describe-error.ts';
import { messageForFields } from '../remedy.ts';
import type { JudgedPoint, LogLine, ProgressPoint, SampleView } from '../contract/job-views.ts';

/** How a job's last run ended. */
export type Outcome =
  { readonly kind: 'done' } | { readonly kind: 'error'; readonly event: ErrorEvent };

/** Where a job stands, as its events tell. */
export class JobProgress {
  /** Runs that began: the first and the resumed ones. */
  runs = 0;
  phase: Phase | null = null;
  /** Of the last progress; a resumed run may be behind the one before. */
  last: ProgressPoint | null = null;
  /** Of what it is busy with; null until it is known. */
  etaSeconds: number | null = null;
  /** How far a web UI is that draws pictures; null where none does. */
  drawing: { readonly done: number; readonly total: number } | null = null;
  /** How far a change of weights without steps is: tensors written; null where there is none. */
  editing: { readonly done: number; readonly total: number } | null = null;
  evaluation: Evaluation | null = null;
  /** Null while a run has neither ended well nor told why it did not. */
  outcome: Outcome | null = null;
  readonly samples: SampleView[] = [];
  /** What checks on the way have found, in the order of their steps. */
  readonly judged: JudgedPoint[] = [];
  private secondsOfRuns = 0;
  private runBegan: number | null = null;
  private lastEvent: number | null = null;

  /** Takes in the next event; gives the sample if it brought a new one. */
  apply(event: RecordedEvent): SampleView | null {
    const time = event.time === undefined ? null : Date.parse(event.time);
    if (event.event === 'job') this.begin(time);
    this.lastEvent = time ?? this.lastEvent;
    if (event.event === 'sample') return this.addSample(event);
    this.note(event);
    return null;
  }

  // eslint-disable-next-line complexity -- one case for each event
  private note(event: Exclude<RecordedEvent, { event: 'sample' }>): void {
    switch (event.event) {
      case 'phase':
        this.phase = event.phase;
        this.etaSeconds = null;
        this.drawing = null;
        break;
      case 'drawing':
        this.drawing = { done: event.done, total: event.total };
        this.etaSeconds = event.etaSeconds;
        break;
      case 'progress':
        this.last = pointOf(event);
        this.etaSeconds = event.etaSeconds;
        break;
      case 'editing':
        this.editing = { done: event.done, total: event.total };
        this.etaSeconds = event.etaSeconds;
        break;
      case 'evaluating':
        this.etaSeconds = event.etaSeconds;
        break;
      case 'evaluation':
        this.evaluation = readEvaluation(event.evaluation);
        break;
      case 'done':
        this.outcome = { kind: 'done' };
        break;
      case 'error':
        this.outcome = { kind: 'error', event };
        break;
      case 'judged':
        this.judged.push(...newSteps(this.judged, [pointOf(event)]));
        break;
      case 'job':
      case 'note':
      case 'warning':
      case 'notice':
        break;
    }
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
    this.drawing = null;
    this.editing = null;
  }

  private addSample(event: Extract<RecordedEvent, { event: 'sample' }>): SampleView | null {
    const { prompt, which, step, role, seed, strength = null } = event;
    const file = path.basename(event.file);
    // Drawn again after a resume.
    if (this.samples.some((sample) => sample.file === file)) return null;
    const drawnBy = event.drawnBy ?? ('sidecar' as const);
    const sample = { file, prompt, role, which, step, seed, strength, drawnBy };
    this.samples.push(sample);
    return sample;
  }
}

/** Where a job stands after these events. */
export function progressOf(events: readonly RecordedEvent[]): JobProgress {
  const progress = new JobProgress();
  for (const event of events) progress.apply(event);
  return progress;
}

/** What a person can look back on; only ever grows at its end. */
export class JobTimeline {
  readonly progress: ProgressPoint[] = [];
  readonly log: LogLine[] = [];

  /** Takes in the next event. */
  apply(event: RecordedEvent): void {
    if (event.event === 'progress') {
      this.progress.push(...newSteps(this.progress, [pointOf(event)]));
    }
    const line = logLine(event);
    if (line) this.log.push({ time: event.time ?? '', ...line });
  }
}

/** The event as those who watch are told of it. */
function pointOf<E extends ProgressEvent | JudgedEvent>(
  event: E & { readonly time?: string },
): Omit<E, 'event' | 'time'> {
  const { event: _event, time: _time, ...point } = event;
  return point;
}

// eslint-disable-next-line complexity -- one case for each event
function logLine(event: RecordedEvent): Omit<LogLine, 'time'> | null {
  switch (event.event) {
    case 'job':
      return { level: 'info', message: 'The training process has started' };
    case 'phase':
      return { level: 'info', message: phaseTitles[event.phase] };
    case 'note':
      return { level: 'info', message: event.message };
    case 'warning':
    case 'notice':
      return { level: 'warning', message: event.message };
    case 'done':
      return { level: 'info', message: `Done: ${event.output}` };
    case 'error':
      return {
        level: levelOf(event.code),
        message: messageForFields(event.message, event.remedy),
      };
    case 'judged':
      return { level: 'info', message: describeJudged(event) };
    case 'progress':
    case 'sample':
    case 'drawing':
    case 'editing':
    case 'evaluating':
    case 'evaluation':
      return null;
  }
}

function levelOf(errorCode: string): LogLine['level'] {
  return errorCode === 'job.cancelled' ? 'info' : 'error';
}
