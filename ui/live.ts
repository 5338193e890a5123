import { batch } from '@preact/signals';

import type { JobHistory, JobView, ProgressPoint, SampleView } from '../src/contract/job-views.ts';
import type { ErrorBody } from '../src/contract/views.ts';
import { newSteps } from '../src/erase/new-steps.ts';
import { socket } from './api.ts';
import {
  announcement,
  connection,
  jobs,
  loadChoices,
  loadModels,
  openJobId,
  watched,
  watchError,
} from './state.ts';
import { stateName } from './languages/job-words.ts';
import { wordError } from './languages/word-error.ts';

/** Keeps the page's state as the sidecar's is, from now on. */
export function connect(): void {
  socket.on('connect', () => {
    // While it was away, anything may have changed.
    if (connection.value === 'offline') void loadChoices();
    connection.value = 'online';
    if (openJobId.value !== null) watch(openJobId.value);
  });
  socket.on('disconnect', () => (connection.value = 'offline'));
  socket.on('connect_error', () => {
    // A refusal by the sidecar ends the attempts; without an answer they go on.
    connection.value = socket.active ? 'offline' : 'unauthorized';
  });
  socket.on('jobs:list', (list) => (jobs.value = list));
  socket.on('job:state', showState);
  socket.on('job:progress', ({ id, ...point }) => {
    update(id, ({ job, history }) => ({
      job: { ...job, ...point },
      history: { ...history, progress: appendPoints(history.progress, [point]) },
    }));
  });
  socket.on('job:sample', ({ id, ...sample }) => {
    update(id, ({ job, history }) => ({
      job: { ...job, samples: withSample(job.samples, sample) },
      history,
    }));
  });
  socket.on('job:log', ({ id, ...line }) => {
    update(id, ({ job, history }) => ({
      job,
      history: { ...history, log: [...history.log, line] },
    }));
  });
  openJobId.subscribe((id) => {
    const before = watched.peek()?.job.id;
    if (before !== undefined && before !== id) {
      socket.emit('job:unwatch', { id: before });
      watched.value = null;
    }
    watchError.value = null;
    // Else it is watched as soon as there is a connection.
    if (id !== null && socket.connected) watch(id);
  });
  socket.connect();
}

/** Asks for a job's state and what is missing of its history, and for what comes after. */
function watch(id: string): void {
  const known = watched.value?.job.id === id ? watched.value.history : null;
  const afterStep = known?.progress.at(-1)?.step;
  const request = afterStep === undefined ? { id } : { id, afterStep };
  socket.emit('job:watch', request, (reply) => {
    if (openJobId.value === id) takeReply(reply, known);
  });
}

function takeReply(
  reply: { job: JobView; history: JobHistory } | ErrorBody,
  known: JobHistory | null,
): void {
  batch(() => {
    if ('error' in reply) {
      watched.value = null;
      watchError.value = wordError(reply.error);
      return;
    }
    const { job, history } = reply;
    watchError.value = null;
    watched.value = {
      job,
      history: { ...history, progress: appendPoints(known?.progress ?? [], history.progress) },
    };
  });
}

function showState(job: JobView): void {
  const before = watched.value?.job;
  update(job.id, ({ history }) => ({ job, history }));
  if (before?.id === job.id && before.state !== job.state) {
    announcement.value = `${job.concept}: ${stateName(job)}`;
  }
  // It made a model, or changed which one is active.
  if (job.state === 'done') void loadModels();
}

function update(
  id: string,
  change: (current: NonNullable<typeof watched.value>) => NonNullable<typeof watched.value>,
): void {
  if (watched.value?.job.id === id) watched.value = change(watched.value);
}

/** What a reconnected page is told again is there already. */
function appendPoints(
  points: readonly ProgressPoint[],
  more: readonly ProgressPoint[],
): readonly ProgressPoint[] {
  return [...points, ...newSteps(points, more)];
}

/** A step that is done again after a resume draws its samples again. */
function withSample(samples: readonly SampleView[], sample: SampleView): readonly SampleView[] {
  return [...samples.filter(({ file }) => file !== sample.file), sample];
}
