import { watched, watchError, chooseAddress } from '../state.ts';
import { Compare } from './compare.tsx';
import { Watch } from './watch.tsx';
import { t } from '../languages/words.ts';

/** The job that the address names, in the moment that it is in. */
export function Job() {
  if (watchError.value !== null) {
    return (
      <section class="empty">
        <h1>{t('This erasure cannot be shown')}</h1>
        <p>{watchError}</p>
        <p>
          <a href={chooseAddress}>{t('Start a new one')}</a>
        </p>
      </section>
    );
  }
  if (watched.value === null) return <p class="loading">{t('Reading the job…')}</p>;
  return watched.value.job.state === 'done' ? (
    <Compare {...watched.value} />
  ) : (
    <Watch {...watched.value} />
  );
}
