import { useComputed, useSignal } from '@preact/signals';

import type { SweepSummary } from '../../src/contract/sweep-view.ts';
import { api } from '../api.ts';
import { describeCounts } from '../languages/sweep-words.ts';
import { t } from '../languages/words.ts';
import { wordError } from '../languages/word-error.ts';
import { connection, go, models, sweepAddress } from '../state.ts';
import { sweepError, sweeps } from '../sweeps.ts';
import { SweepText } from './sweep-text.tsx';
import { useAction } from './use-action.ts';

/** All sweeps, and a form for another. */
export function Sweeps() {
  return (
    <article class="sweeps">
      <header class="title">
        <h1>{t('Sweeps')}</h1>
        <p>
          {t(
            'Which settings erase best? A sweep erases each of several concepts from each of several models with each of several settings, and sums up what came out.',
          )}
        </p>
      </header>
      <List />
      <NewSweep />
    </article>
  );
}

function List() {
  const list = sweeps.value;
  if (list === null) {
    if (sweepError.value === null) {
      return connection.value === 'unauthorized' ? null : (
        <p class="loading">{t('Reading the sweeps…')}</p>
      );
    }
    return (
      <p class="problem" role="alert">
        {sweepError}
      </p>
    );
  }
  if (list.length === 0) return <p class="help">{t('There is no sweep yet.')}</p>;
  return (
    <ul class="sweep-list">
      {list.map((sweep) => (
        <li key={sweep.name}>
          <a href={sweepAddress(sweep.name)}>
            <span class="job-name">{sweep.name}</span>
            <span class="help">{describe(sweep)}</span>
          </a>
        </li>
      ))}
    </ul>
  );
}

const describe = ({ counts, error }: SweepSummary) =>
  error === null ? describeCounts(counts) : wordError(error);

function NewSweep() {
  const name = useSignal('');
  const written = useSignal<string | null>(null);
  const example = useComputed(exampleText);
  const yaml = written.value ?? example.value;
  const start = useAction(async () => {
    const made = await api.createSweep(name.value.trim(), yaml);
    go(sweepAddress(made.name));
  });
  return (
    <form
      class="sweep-form"
      aria-labelledby="new-sweep"
      onSubmit={(event) => {
        event.preventDefault();
        start.run();
      }}
    >
      <h2 id="new-sweep">{t('New sweep')}</h2>
      <div class="field">
        <label for="sweep-name">{t('Name')}</label>
        <input
          id="sweep-name"
          required
          maxLength={64}
          pattern="[a-z0-9][a-z0-9\-]*"
          autocapitalize="off"
          spellcheck={false}
          title={t('Small letters, digits and hyphens')}
          aria-describedby="sweep-name-help"
          value={name.value}
          onInput={({ currentTarget }) => (name.value = currentTarget.value)}
        />
        <p class="help" id="sweep-name-help">
          {t('Small letters, digits and hyphens')}
        </p>
      </div>
      <SweepText yaml={yaml} onChange={(text) => (written.value = text)} />
      {start.error !== null && (
        <p class="problem" role="alert">
          {start.error}
        </p>
      )}
      <div class="actions">
        <button type="submit" class="button primary" aria-disabled={start.isBusy}>
          {t('Start')}
        </button>
      </div>
    </form>
  );
}

/** Of the models that there are: the one that is in use, and another. */
function exampleText(): string {
  const usable = (models.value ?? []).filter(({ refusal, scrubbed }) => !refusal && !scrubbed);
  const chosen = usable.toSorted((a, b) => Number(b.isActive) - Number(a.isActive)).slice(0, 2);
  const names = chosen.map(({ name }) => JSON.stringify(name)).join(', ');
  return `models: [${names}]
concepts:
  - name: Monet
    forget: [a painting by Monet, a garden by Monet]
    neighbours: [a painting by Renoir]
  - name: Hokusai
    forget: [a wave by Hokusai, a print by Hokusai]
    neighbours: [a print by Hiroshige]
retain: [a photo of a dog, a photo of a house]
settings:
  - { name: usual }
  - { name: gentle, learningRate: 0.000005 }
  - { method: uce }
`;
}
