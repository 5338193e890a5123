import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';

import type { SweepView } from '../../src/contract/sweep-view.ts';
import { api, sweepUrl } from '../api.ts';
import { countAll, countOpen, describeCounts, isUnderWay } from '../languages/sweep-words.ts';
import { t } from '../languages/words.ts';
import { wordError } from '../languages/word-error.ts';
import { connection, go, sweepsAddress } from '../state.ts';
import { openSweep, showSweep, sweepError } from '../sweeps.ts';
import { DialogButton } from './dialog.tsx';
import { ActionButton } from './job-actions.tsx';
import { SweepErasures, SweepSettings } from './sweep-tables.tsx';
import { SweepText } from './sweep-text.tsx';
import { useAction } from './use-action.ts';

interface SweepProps {
  readonly sweep: SweepView;
}

/** The sweep that the address names. */
export function Sweep() {
  const sweep = openSweep.value;
  if (sweep) return <Shown sweep={sweep} />;
  if (sweepError.value !== null) {
    return (
      <section class="empty">
        <h1>{t('This sweep cannot be shown')}</h1>
        <p>{sweepError}</p>
        <p>
          <a href={sweepsAddress}>{t('All sweeps')}</a>
        </p>
      </section>
    );
  }
  if (connection.value === 'unauthorized') return null;
  return <p class="loading">{t('Reading the sweep…')}</p>;
}

function Shown({ sweep }: SweepProps) {
  const { name, counts, error } = sweep;
  return (
    <article class="sweep">
      <header class="title">
        <p>
          <a href={sweepsAddress}>{t('All sweeps')}</a>
        </p>
        <h1>{name}</h1>
        <p>{error === null ? describeCounts(counts) : null}</p>
        {isUnderWay(counts) && (
          <progress aria-hidden="true" max={countAll(counts)} value={counts.done} />
        )}
      </header>
      {error !== null && (
        <p class="problem" role="alert">
          {wordError(error)}
        </p>
      )}
      <Actions sweep={sweep} />
      {error === null && <SweepSettings settings={sweep.settings} />}
      {error === null && <SweepErasures erasures={sweep.erasures} />}
    </article>
  );
}

function Actions({ sweep }: SweepProps) {
  const { name, counts, error } = sweep;
  const isChanging = useSignal(false);
  const opener = useRef<HTMLButtonElement>(null);
  const isNew = countOpen(counts) === counts.open && counts.done === 0;
  return (
    <>
      <div class="actions">
        {countOpen(counts) > 0 && (
          <ActionButton
            title={isNew && !isUnderWay(counts) ? t('Start') : t('Go on')}
            isPrimary
            work={async () => {
              showSweep(await api.startSweep(name));
            }}
          />
        )}
        {isUnderWay(counts) && (
          <ActionButton
            title={t('Cancel')}
            work={async () => {
              showSweep(await api.cancelSweep(name));
            }}
          />
        )}
        <button
          ref={opener}
          type="button"
          class="button"
          aria-expanded={isChanging.value}
          onClick={() => (isChanging.value = !isChanging.value)}
        >
          {t('Change')}
        </button>
        <DeleteSweep name={name} />
        {error === null && (
          <>
            <a href={sweepUrl(name, 'summary.html')} target="_blank" rel="noopener">
              {t('Table as a page')}
            </a>
            <a href={sweepUrl(name, 'summary.csv')}>{t('Table as CSV')}</a>
          </>
        )}
      </div>
      {isChanging.value && (
        <ChangeSweep
          sweep={sweep}
          onClose={() => {
            isChanging.value = false;
            opener.current?.focus();
          }}
        />
      )}
    </>
  );
}

/** Another text for it: what is done stays done. */
function ChangeSweep({ sweep, onClose }: SweepProps & { readonly onClose: () => void }) {
  const yaml = useSignal(sweep.yaml);
  const change = useAction(async () => {
    showSweep(await api.changeSweep(sweep.name, yaml.value));
    onClose();
  });
  return (
    <form
      class="sweep-form"
      aria-label={t('Change')}
      onSubmit={(event) => {
        event.preventDefault();
        change.run();
      }}
    >
      <SweepText yaml={yaml.value} isFocused onChange={(text) => (yaml.value = text)} />
      <p class="help">
        {t('What is done stays done; what is no longer in the text is cancelled.')}
      </p>
      {change.error !== null && (
        <p class="problem" role="alert">
          {change.error}
        </p>
      )}
      <div class="actions">
        <button type="submit" class="button primary" aria-disabled={change.isBusy}>
          {t('Save and go on')}
        </button>
        <button type="button" class="button" onClick={onClose}>
          {t('Leave it as it is')}
        </button>
      </div>
    </form>
  );
}

/** Asks first. */
function DeleteSweep({ name }: { readonly name: string }) {
  return (
    <DialogButton
      label={t('Delete')}
      title={t('Delete the sweep {name}?', { name })}
      confirm={t('Delete')}
      work={async () => {
        await api.deleteSweep(name);
        go(sweepsAddress);
      }}
    >
      <p>{t('Its erasures stay in the list of erasures, and go on where they are under way.')}</p>
    </DialogButton>
  );
}
