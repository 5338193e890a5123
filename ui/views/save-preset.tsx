import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';

import type { JobView } from '../../src/contract/job-views.ts';
import { api } from '../api.ts';
import { announcement, loadPresets } from '../state.ts';
import { Dialog } from './dialog.tsx';
import { useAction } from './use-action.ts';
import { t } from '../languages/words.ts';

/** Keeps a job's words and settings to be used again. */
export function SavePresetButton({ job }: { job: JobView }) {
  const isOpen = useSignal(false);
  const title = useSignal(job.concept);
  const opener = useRef<HTMLButtonElement>(null);
  const close = () => {
    isOpen.value = false;
    opener.current?.focus();
  };
  const save = useAction(async () => {
    await api.savePreset(job.id, title.value.trim());
    await loadPresets();
    announcement.value = t('The preset is saved');
    close();
  });
  return (
    <>
      <button
        ref={opener}
        type="button"
        class="button"
        onClick={() => {
          isOpen.value = true;
        }}
      >
        {t('Save as preset')}
      </button>
      {isOpen.value && (
        <Dialog
          title={t('Save as preset')}
          confirm={t('Save')}
          isBusy={save.isBusy}
          error={save.error}
          onConfirm={save.run}
          onClose={close}
        >
          <div class="field">
            <label for="preset-title">{t('Title')}</label>
            <input
              id="preset-title"
              required
              maxLength={60}
              value={title.value}
              onInput={({ currentTarget }) => (title.value = currentTarget.value)}
            />
          </div>
          <p class="help">
            {t('Prompts, anchor and settings of this erasure, without its pictures.')}
          </p>
        </Dialog>
      )}
    </>
  );
}
