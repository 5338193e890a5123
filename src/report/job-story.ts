import type { Evaluation } from '../evaluation/evaluation.ts';
import { readEvaluation } from '../evaluation/stored-evaluation.ts';
import type { EraseEvent, JudgedEvent, ProgressEvent, SampleEvent } from '../erase/events.ts';
import { newSteps } from '../erase/new-steps.ts';

/** The events of all runs of a job as one run. */
export interface JobStory {
  /** One for each outer step, in order: see `newSteps`. */
  readonly progress: readonly ProgressEvent[];
  /** One for each check of forgotten prompts on the way. */
  readonly judged: readonly JudgedEvent[];
  readonly samples: readonly SampleEvent[];
  readonly evaluation: Evaluation | null;
  /** Warnings before the work and notices on the way. */
  readonly notices: readonly string[];
  /** How often it was begun or resumed. */
  readonly runs: number;
}

/** Puts the events of all runs together. */
export function tellStory(events: readonly EraseEvent[]): JobStory {
  const progress: ProgressEvent[] = [];
  const judged: JudgedEvent[] = [];
  const samples: SampleEvent[] = [];
  const notices = new Set<string>();
  let evaluation: Evaluation | null = null;
  let runs = 0;
  for (const event of events) {
    if (event.event === 'progress') progress.push(...newSteps(progress, [event]));
    else if (event.event === 'judged') judged.push(...newSteps(judged, [event]));
    else if (event.event === 'sample') samples.push(event);
    else if (event.event === 'evaluation') evaluation = readEvaluation(event.evaluation);
    else if (event.event === 'warning' || event.event === 'notice') notices.add(event.message);
    else if (event.event === 'job') runs += 1;
  }
  return {
    progress,
    judged,
    samples,
    evaluation,
    notices: [...notices],
    runs,
  };
}
