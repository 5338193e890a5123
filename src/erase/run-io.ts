import type { EraseEvent } from './events.ts';

/** How a run talks to whoever started it. */
export interface RunIo {
  readonly onEvent: (event: EraseEvent) => void;
  /** What earlier runs of the job have told: nothing is told twice. */
  readonly past: readonly EraseEvent[];
  /** Aborted by cancelling: the state is saved and the run ends with `job.cancelled`. */
  readonly signal: AbortSignal;
}
