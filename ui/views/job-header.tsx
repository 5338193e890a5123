import { describeShapes } from '../../src/erase/picture-shapes.ts';
import type { JobView } from '../../src/contract/job-views.ts';
import { methodOf, trainingOf } from '../../src/methods/registry.ts';
import { presets } from '../state.ts';
import { DrawingNotes } from './drawing-notes.tsx';
import { stateName } from './job-list.tsx';

/** What is erased from what, and how it stands. */
export function JobHeader({ job, title }: { job: JobView; title: string }) {
  const preset = presets.value?.find(({ name }) => name === job.preset);
  return (
    <header class="title">
      <h1>
        {title} <span class={`state ${job.state}`}>{stateName(job)}</span>
      </h1>
      <p class="facts">
        <span>{job.model}</span>
        {job.preset !== null && <span>{preset?.title ?? job.preset}</span>}
        <span>
          {count(job.forget.length, 'prompt')} forgotten, {job.retain.length} kept
        </span>
        {job.forgetImages + job.retainImages > 0 && (
          <span>{count(job.forgetImages + job.retainImages, 'picture')} of yours</span>
        )}
        {job.companions.map(({ title: what, text }) => (
          <span key={`${what} ${text}`}>
            {what}: {text}
          </span>
        ))}
        {job.shapes.length > 0 && <span>at {describeShapes(job.shapes)}</span>}
        {job.settings && <span>{workOf(job.settings)}</span>}
        {job.device !== null && (
          <span>on {job.device === 'cpu' ? 'the processor' : job.device}</span>
        )}
      </p>
      {job.settings && <DrawingNotes draws={job.settings} sources={job.drawingSources} />}
    </header>
  );
}

function workOf(settings: NonNullable<JobView['settings']>): string {
  const training = trainingOf(settings);
  return training
    ? `${training.steps} steps at ${settings.width} × ${settings.height}`
    : `${methodOf(settings).words.name}, without training`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
