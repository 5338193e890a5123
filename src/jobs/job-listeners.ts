import type { JobListener } from '../contract/services.ts';

/** What became of a job: another state, another place in the queue, or more to look at. */
export type JobChange = 'state' | 'place' | 'growth';

/** Who is told what becomes of jobs. */
export class JobListeners {
  private readonly listeners = new Set<JobListener>();

  /** @returns what ends it */
  add(listener: JobListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Of the job with this id. */
  readonly tell = (id: string, what: JobChange): void => {
    for (const listener of this.listeners) {
      if (what === 'state') listener.changed(id);
      if (what === 'place') listener.moved(id);
      else listener.grew(id);
    }
  };

  readonly tellState = (id: string): void => {
    this.tell(id, 'state');
  };
}
