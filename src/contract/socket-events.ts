import type {
  JobHistory,
  JobSummary,
  JobView,
  LogLine,
  ProgressPoint,
  SampleView,
} from './job-views.ts';
import type { ErrorBody } from './views.ts';

export interface ClientToServerEvents {
  /**
   * Answered with everything so far; what comes after arrives as events. `afterStep`: the last step
   * that the client has, so that a reconnected one is sent only what it missed.
   */
  'job:watch': (
    request: { id: string; afterStep?: number },
    answer: (reply: { job: JobView; history: JobHistory } | ErrorBody) => void,
  ) => void;
  'job:unwatch': (request: { id: string }) => void;
}

export interface ServerToClientEvents {
  /** To all: the job changed its state, phase, result or active model. */
  'job:state': (job: JobView) => void;
  /** To those who watch the job, as the next three; every point once and in order. */
  'job:progress': (point: ProgressPoint & { readonly id: string }) => void;
  'job:sample': (sample: SampleView & { readonly id: string }) => void;
  'job:log': (line: LogLine & { readonly id: string }) => void;
  /** To all, at the connection and at every change. */
  'jobs:list': (jobs: readonly JobSummary[]) => void;
}
