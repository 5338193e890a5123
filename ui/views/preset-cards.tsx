import { useRef } from 'preact/hooks';

import type { PresetView } from '../../src/contract/views.ts';
import { api, presetUrl } from '../api.ts';
import { choosePreset, chosenPreset, form, variableValues } from '../form.ts';
import { loadPresets, presetFaults, presets } from '../state.ts';
import { useAction } from './use-action.ts';
import { wordError } from '../languages/word-error.ts';
import { told } from '../languages/told.ts';
import { t } from '../languages/words.ts';

/** One click fills in everything. */
export function PresetCards() {
  const panel = useRef<HTMLDivElement>(null);
  const choose = (preset: PresetView) => {
    const isChosen = form.preset.value === preset.name;
    choosePreset(isChosen ? null : preset.name);
    if (isChosen || Object.keys(preset.variables).length === 0) return;
    // What it asks for comes next.
    requestAnimationFrame(() => panel.current?.querySelector('input')?.focus());
  };
  return (
    <section aria-labelledby="presets-title">
      <div class="beside">
        <h2 id="presets-title">{t('Presets')}</h2>
        <ImportButton />
      </div>
      <ul class="cards" aria-busy={presets.value === null}>
        {presets.value?.map((preset) => (
          <li key={preset.name}>
            <button
              type="button"
              class="card"
              aria-pressed={form.preset.value === preset.name}
              onClick={() => {
                choose(preset);
              }}
            >
              <strong>{told(preset.title)}</strong>
              <span>{told(preset.summary ?? preset.description)}</span>
              {(preset.isOwn || preset.needsImages) && (
                <small>
                  {preset.isOwn && t('Yours')}
                  {preset.isOwn && preset.needsImages && ' · '}
                  {preset.needsImages && t('Needs your pictures')}
                </small>
              )}
            </button>
          </li>
        ))}
      </ul>
      <Faults />
      <div ref={panel}>{chosenPreset.value && <ChosenPreset preset={chosenPreset.value} />}</div>
    </section>
  );
}

/** Files among the person's own presets that cannot be used, which would else just be missing. */
function Faults() {
  if (presetFaults.value.length === 0) return null;
  return (
    <ul class="warnings" aria-label={t('Presets that cannot be used')}>
      {presetFaults.value.map(({ name, message }) => (
        <li key={name}>{wordError({ code: 'preset.invalid', message })}</li>
      ))}
    </ul>
  );
}

/** Takes over a preset that was exported here or elsewhere. */
function ImportButton() {
  const input = useRef<HTMLInputElement>(null);
  const take = useAction(async () => {
    const [file] = input.current?.files ?? [];
    if (file === undefined) return;
    const { name } = await api.importPreset(file).finally(() => {
      // So that the same file can be chosen again.
      if (input.current) input.current.value = '';
    });
    await loadPresets();
    choosePreset(name);
  });
  return (
    <>
      <button type="button" class="quiet" onClick={() => input.current?.click()}>
        {t('Import a preset')}
      </button>
      <input
        ref={input}
        type="file"
        hidden
        accept=".yaml,.yml"
        aria-label={t('Preset to import')}
        onChange={take.run}
      />
      {take.error !== null && (
        <p class="problem" role="alert">
          {take.error}
        </p>
      )}
    </>
  );
}

/** What the chosen preset asks for, and what to expect of it. */
function ChosenPreset({ preset }: { preset: PresetView }) {
  const remove = useAction(async () => {
    await api.deletePreset(preset.name);
    choosePreset(null);
    await loadPresets();
  });
  return (
    <div class="chosen">
      {Object.entries(preset.variables).map(([name, { description, example }]) => (
        <div class="field" key={name}>
          <label for={`variable-${name}`}>{told(description)}</label>
          <input
            id={`variable-${name}`}
            value={form.variables.value[name] ?? ''}
            placeholder={variableValues.value[name] ?? example}
            required
            onInput={({ currentTarget }) =>
              (form.variables.value = { ...form.variables.value, [name]: currentTarget.value })
            }
          />
        </div>
      ))}
      <p>{told(preset.description)}</p>
      <p>
        <b>{t('What to expect.')}</b> {told(preset.expectation)}
      </p>
      {preset.isOwn && (
        <p class="actions">
          <a class="quiet" href={presetUrl(preset.name)} download={`${preset.name}.yaml`}>
            {t('Export this preset')}
          </a>
          <button type="button" class="quiet" aria-disabled={remove.isBusy} onClick={remove.run}>
            {t('Delete this preset')}
          </button>
        </p>
      )}
      {remove.error !== null && <p role="alert">{remove.error}</p>}
    </div>
  );
}
