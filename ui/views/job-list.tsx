import type { JobSummary } from '../../src/contract/job-views.ts';
import {
  chooseAddress,
  jobAddress,
  jobs,
  openJobId,
  route,
  sweepsAddress,
  watched,
} from '../state.ts';
import { formatMoment, formatShare } from '../languages/format.ts';
import { stateName } from '../languages/job-words.ts';
import { t } from '../languages/words.ts';
import { LanguageChoice } from './language-choice.tsx';
import { WorkerList } from './worker-list.tsx';

/** The way to a new erasure and to all that there were, newest first. */
export function JobList() {
  const list = jobs.value?.toSorted((a, b) => b.createdAt.localeCompare(a.createdAt));
  return (
    <nav class="side" aria-label={t('Erasures')}>
      <div>
        <a class="brand" href={chooseAddress}>
          <svg viewBox="0 0 32 32" aria-hidden="true">
            <path d="M16 4a12 12 0 0 0 0 24z" />
            <circle cx="19" cy="7" r="1.8" />
            <circle cx="19" cy="13" r="1.8" />
            <circle cx="19" cy="19" r="1.8" />
            <circle cx="19" cy="25" r="1.8" />
            <circle cx="23.5" cy="10" r="1.3" />
            <circle cx="23.5" cy="16" r="1.3" />
            <circle cx="23.5" cy="22" r="1.3" />
            <circle cx="27.4" cy="13.4" r="0.8" />
            <circle cx="27.4" cy="18.6" r="0.8" />
          </svg>
          Erase Concept
        </a>
        <a
          class="button"
          href={chooseAddress}
          aria-current={route.value.view === 'choose' ? 'page' : undefined}
        >
          {t('New erasure')}
        </a>
        <a
          class="sweeps-link"
          href={sweepsAddress}
          aria-current={route.value.view === 'sweeps' ? 'page' : undefined}
        >
          {t('Sweeps')}
        </a>
        {list !== undefined && list.length > 0 && (
          <details class="jobs" open={matchMedia('(min-width: 900px)').matches}>
            <summary>
              {t('Erasures')} <span class="count">{list.length}</span>
            </summary>
            <ul>
              {list.map((job) => (
                <JobLink key={job.id} job={job} />
              ))}
            </ul>
          </details>
        )}
        <WorkerList />
        <LanguageChoice />
      </div>
    </nav>
  );
}

function JobLink({ job: listed }: { job: JobSummary }) {
  // The list does not grow with every step.
  const job = watched.value?.job.id === listed.id ? watched.value.job : listed;
  const isOpen = job.id === openJobId.value;
  return (
    <li>
      <a href={jobAddress(job.id)} aria-current={isOpen ? 'page' : undefined}>
        <span class="job-name">{job.concept}</span>
        <span class="job-state">
          <span class={`dot ${job.state}`} aria-hidden="true" />
          {describe(job)}
        </span>
      </a>
    </li>
  );
}

function describe(job: JobSummary): string {
  const { state, step, steps, queuePosition, createdAt } = job;
  if (state === 'training' && steps > 0) {
    return t('Training, {share}', { share: formatShare(Math.floor((100 * step) / steps) / 100) });
  }
  if (state === 'queued' && queuePosition !== null) {
    return queuePosition === 0
      ? t('Waiting, next')
      : t('Waiting behind {count}', { count: queuePosition });
  }
  if (state !== 'done') return stateName(job);
  return formatMoment(createdAt);
}
