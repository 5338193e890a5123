import type { WorkerView } from '../../src/contract/worker-view.ts';
import { deviceTitle } from '../device-title.ts';
import { formatMoment } from '../languages/format.ts';
import { t } from '../languages/words.ts';
import { jobAddress, jobs } from '../state.ts';
import { workers } from '../workers.ts';

/** Who works on the jobs where that is not this server: on what device, on which job, since when. */
export function WorkerList() {
  const list = workers.value;
  if (list === null) return null;
  return (
    <details class="jobs" open>
      <summary>
        {t('Workers')} <span class="count">{list.length}</span>
      </summary>
      {list.length === 0 ? (
        <p class="help">{t('No worker is there. Jobs wait until one is started.')}</p>
      ) : (
        <ul>
          {list.map((worker) => (
            <Worker key={worker.name} worker={worker} />
          ))}
        </ul>
      )}
    </details>
  );
}

function Worker({ worker }: { worker: WorkerView }) {
  const concepts = new Map(jobs.value?.map(({ id, concept }) => [id, concept]));
  const device = deviceTitle(worker.device);
  return (
    <li class="worker">
      <span class="job-name" title={worker.name}>
        {worker.name}
      </span>
      <span class="job-state">
        {t('{device}, since {time}', { device, time: formatMoment(worker.since) })}
      </span>
      {worker.jobs.length === 0 && (
        <span class="job-state">
          <span class="dot" aria-hidden="true" />
          {t('Waits for a job')}
        </span>
      )}
      {worker.jobs.map(({ id, since }) => (
        <a key={id} href={jobAddress(id)} class="job-state">
          <span class="dot training" aria-hidden="true" />
          {t('{concept}, since {time}', {
            concept: concepts.get(id) ?? id,
            time: formatMoment(since),
          })}
        </a>
      ))}
    </li>
  );
}
