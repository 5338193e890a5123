import { drawingIn } from '../drawing/drawing.ts';
import type { EraseEvent } from './events.ts';
import type { EraseJob } from './job.ts';

/** The first event of a run, with what a person looks through before the work. */
export function jobBegun(job: EraseJob, folder: string): Extract<EraseEvent, { event: 'job' }> {
  const { id, output, forget, settings, drawingSources } = job;
  return {
    ...{ event: 'job', job: id, folder, output, forget },
    ...{ drawing: drawingIn(settings), drawingSources },
  };
}
