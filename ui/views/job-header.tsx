import type { JobView } from '../../routes/contract.ts';
import { presets } from '../state.ts';
import { stateNames } from './job-list.tsx';

/** What is erased from what, and how it stands. */
export function JobHeader({ job, title }: { job: JobView; title: string }) {
  const preset = presets.value?.find(({ name }) => name === job.preset);
  return (
    <header class="title">
      <h1>
        {title} <span class={`state ${job.state}`}>{stateNames[job.state]}</span>
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
        {job.settings && (
          <span>
            {job.settings.steps} steps at {job.settings.size} × {job.settings.size}
          </span>
        )}
        {job.device !== null && (
          <span>on {job.device === 'cpu' ? 'the processor' : job.device}</span>
        )}
      </p>
    </header>
  );
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
