import type { JobView } from '../../src/contract/job-views.ts';
import { methodOf, trainingOf } from '../../src/methods/registry.ts';
import { presets } from '../state.ts';
import { DrawingNotes } from './drawing-notes.tsx';
import { placeOf, sizesOf, stateName } from '../languages/job-words.ts';
import { told } from '../languages/told.ts';
import { t } from '../languages/words.ts';

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
        {job.preset !== null && <span>{told(preset?.title ?? job.preset)}</span>}
        <span>
          {t('{forget, plural, one {# prompt} other {# prompts}} forgotten, {retain} kept', {
            forget: job.forget.length,
            retain: job.retain.length,
          })}
        </span>
        {job.forgetImages + job.retainImages > 0 && (
          <span>
            {t('{count, plural, one {# picture} other {# pictures}} of yours', {
              count: job.forgetImages + job.retainImages,
            })}
          </span>
        )}
        {job.companions.map(({ title: what, text }) => (
          <span key={`${what} ${text}`}>
            {told(what)}: {text}
          </span>
        ))}
        {job.shapes.length > 0 && <span>{t('at {sizes}', { sizes: sizesOf(job.shapes) })}</span>}
        {job.settings && <span>{workOf(job.settings)}</span>}
        {job.device !== null && <span>{placeOf(job.device)}</span>}
      </p>
      {job.settings && <DrawingNotes draws={job.settings} sources={job.drawingSources} />}
    </header>
  );
}

function workOf(settings: NonNullable<JobView['settings']>): string {
  const training = trainingOf(settings);
  return training
    ? t('{steps, plural, one {# step} other {# steps}} at {width} × {height}', {
        steps: training.steps,
        width: settings.width,
        height: settings.height,
      })
    : t('{method}, without training', { method: methodOf(settings).words.name });
}
