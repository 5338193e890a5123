import type { ComponentChildren } from 'preact';

import type { SweepErasure, SweepView } from '../../src/contract/sweep-view.ts';
import { jobUrl } from '../api.ts';
import { formatDuration, formatShare } from '../languages/format.ts';
import type { Text } from '../languages/language.ts';
import { sweepStateName } from '../languages/sweep-words.ts';
import { t } from '../languages/words.ts';
import { wordError } from '../languages/word-error.ts';
import { jobAddress } from '../state.ts';

/** What each of the settings came to, the best first. */
export function SweepSettings({ settings }: Pick<SweepView, 'settings'>) {
  return (
    <section class="sweep-table">
      <h2 id="sweep-settings">{t('Settings, the best first')}</h2>
      <Scrolled heading="sweep-settings">
        <Head titles={['Settings', 'Mean score', 'Done']} />
        <tbody>
          {settings.map(({ name, score, done, all }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>{shareOf(score)}</td>
              <td>{t('{done} of {all}', { done, all })}</td>
            </tr>
          ))}
        </tbody>
      </Scrolled>
      <p class="help">
        {t(
          'Score: the share of pictures of forgotten prompts that no longer show the concept, times the share of kept prompts still recognised, to what the original has.',
        )}
      </p>
    </section>
  );
}

/** More than a person reads, and than a browser shows at once. */
const MAX_ROWS = 500;

/** Every erasure with its figures, the best first. */
export function SweepErasures({ erasures }: Pick<SweepView, 'erasures'>) {
  return (
    <section class="sweep-table">
      <h2 id="sweep-erasures">{t('Erasures, the best first')}</h2>
      <Scrolled heading="sweep-erasures">
        <Head
          titles={[
            ...(['Picture', 'Concept', 'Model', 'Settings', 'State', 'Score'] as const),
            ...(['Shows it', 'Kept', 'Duration', 'Report'] as const),
          ]}
        />
        <tbody>
          {erasures.slice(0, MAX_ROWS).map((erasure) => (
            <Erasure key={erasure.key} erasure={erasure} />
          ))}
        </tbody>
      </Scrolled>
      {erasures.length > MAX_ROWS && (
        <p class="help">
          {t('The first {count}. The table as a page has all.', { count: MAX_ROWS })}
        </p>
      )}
    </section>
  );
}

function Erasure({ erasure }: { readonly erasure: SweepErasure }) {
  const { concept, model, settings, state, jobId, error, score, seconds, picture } = erasure;
  return (
    <tr>
      <td>
        {jobId !== null && picture !== null && (
          <img
            src={jobUrl(jobId, `samples/${encodeURIComponent(picture)}`)}
            alt={t('{concept}, forgotten', { concept })}
            width={48}
            height={48}
            loading="lazy"
            decoding="async"
          />
        )}
      </td>
      <th scope="row">{jobId === null ? concept : <a href={jobAddress(jobId)}>{concept}</a>}</th>
      <td>{model}</td>
      <td>{settings}</td>
      <td>
        <span class="job-state">
          <span class={`dot ${state}`} aria-hidden="true" />
          {sweepStateName(state)}
        </span>
        {error !== null && error.code !== 'job.cancelled' && (
          <p class="problem">{wordError(error)}</p>
        )}
      </td>
      <td class="figures">{shareOf(score)}</td>
      <td class="figures">{changeOf(erasure.forget)}</td>
      <td class="figures">{changeOf(erasure.retain)}</td>
      <td class="figures">{seconds === null ? null : formatDuration(seconds)}</td>
      <td>
        {jobId !== null && state === 'done' && (
          <a
            href={jobUrl(jobId, 'report')}
            target="_blank"
            rel="noopener"
            aria-label={t('Report on {concept}, {settings}', { concept, settings })}
          >
            {t('Report')}
          </a>
        )}
      </td>
    </tr>
  );
}

/** A table that is wider than a narrow page. */
function Scrolled({ heading, children }: { heading: string; children: ComponentChildren }) {
  return (
    <div class="scroll" role="region" aria-labelledby={heading} tabIndex={0}>
      <table>{children}</table>
    </div>
  );
}

function Head({ titles }: { readonly titles: readonly Text[] }) {
  return (
    <thead>
      <tr>
        {titles.map((title) => (
          <th key={title} scope="col">
            {t(title)}
          </th>
        ))}
      </tr>
    </thead>
  );
}

const shareOf = (value: number | null) => (value === null ? null : formatShare(value));

function changeOf(change: SweepErasure['forget']) {
  if (change === null) return null;
  return `${shareOf(change.before) ?? '?'} → ${shareOf(change.after) ?? '?'}`;
}
