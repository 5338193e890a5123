import { useSignal } from '@preact/signals';

import type { JobView } from '../../src/contract/job-views.ts';
import { api } from '../api.ts';
import { announcement, loadPresets } from '../state.ts';
import { DialogButton } from './dialog.tsx';
import { t } from '../languages/words.ts';

/** Keeps a job's words and settings to be used again. */
export function SavePresetButton({ job }: { job: JobView }) {
  const title = useSignal(job.concept);
  return (
    <DialogButton
      label={t('Save as preset')}
      title={t('Save as preset')}
      confirm={t('Save')}
      work={async () => {
        await api.savePreset(job.id, title.value.trim());
        await loadPresets();
        announcement.value = t('The preset is saved');
      }}
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
      <p class="help">{t('Prompts, anchor and settings of this erasure, without its pictures.')}</p>
    </DialogButton>
  );
}
