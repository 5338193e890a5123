import type { Evaluation } from '../evaluation/evaluation.ts';
import { readEvaluation } from '../evaluation/stored-evaluation.ts';
import type { EraseEvent, ProgressEvent, SampleEvent } from '../erase/events.ts';

/** The events of all runs of a job as one run. */
export interface JobStory {
  /** One for each outer step, in order; of a step that was done again the last. */
  readonly progress: readonly ProgressEvent[];
  readonly samples: readonly SampleEvent[];
  readonly evaluation: Evaluation | null;
  /** Warnings before the work and notices on the way. */
  readonly notices: readonly string[];
  /** How often it was begun or resumed. */
  readonly runs: number;
}

export function tellStory(events: readonly EraseEvent[]): JobStory {
  const progress = new Map<number, ProgressEvent>();
  const samples: SampleEvent[] = [];
  const notices = new Set<string>();
  let evaluation: Evaluation | null = null;
  let runs = 0;
  for (const event of events) {
    if (event.event === 'progress') progress.set(event.step, event);
    else if (event.event === 'sample') samples.push(event);
    else if (event.event === 'evaluation') evaluation = readEvaluation(event.evaluation);
    else if (event.event === 'warning' || event.event === 'notice') notices.add(event.message);
    else if (event.event === 'job') runs += 1;
  }
  return {
    progress: [...progress.values()].sort((a, b) => a.step - b.step),
    samples,
    evaluation,
    notices: [...notices],
    runs,
  };
}
