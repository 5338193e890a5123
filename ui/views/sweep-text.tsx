import { useId } from 'preact/hooks';

import { t } from '../languages/words.ts';
import { GiveFile } from './give-file.tsx';

interface SweepTextProps {
  readonly yaml: string;
  readonly onChange: (yaml: string) => void;
  /** Whether it takes the focus. */
  readonly isFocused?: boolean;
}

/** What a sweep is about, as a text that may come from a file. */
export function SweepText({ yaml, onChange, isFocused = false }: SweepTextProps) {
  const id = useId();
  return (
    <div class="field">
      <div class="beside">
        <label for={id}>{t('Models, concepts and settings (YAML)')}</label>
        <GiveFile
          title={t('Read from a file')}
          accept=".yaml,.yml,text/yaml"
          onFiles={async ([file]) => {
            if (file) onChange(await file.text());
          }}
        />
      </div>
      <textarea
        id={id}
        class="yaml"
        required
        rows={14}
        spellcheck={false}
        autocapitalize="off"
        aria-describedby={`${id}-help`}
        ref={(field) => {
          if (isFocused && field !== null && field.dataset.focused === undefined) {
            field.dataset.focused = '';
            field.focus();
          }
        }}
        value={yaml}
        onInput={({ currentTarget }) => {
          onChange(currentTarget.value);
        }}
      />
      <p class="help" id={`${id}-help`}>
        {t(
          'Every model with every concept with all of the settings. Models are called as in the list of models; presets: [name] takes presets, too.',
        )}
      </p>
    </div>
  );
}
