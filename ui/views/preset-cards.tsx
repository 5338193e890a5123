import { useRef } from 'preact/hooks';

import type { PresetView } from '../../routes/contract.ts';
import { api } from '../api.ts';
import { choosePreset, chosenPreset, form } from '../form.ts';
import { loadPresets, presets } from '../state.ts';
import { useAction } from './use-action.ts';

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
      <h2 id="presets-title">Presets</h2>
      <ul class="cards">
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
              <strong>{preset.title}</strong>
              <span>{preset.summary ?? preset.description}</span>
              {(preset.isOwn || preset.needsImages) && (
                <small>
                  {preset.isOwn ? 'Yours' : ''}
                  {preset.isOwn && preset.needsImages ? ' · ' : ''}
                  {preset.needsImages ? 'Needs your pictures' : ''}
                </small>
              )}
            </button>
          </li>
        ))}
      </ul>
      <div ref={panel}>{chosenPreset.value && <ChosenPreset preset={chosenPreset.value} />}</div>
    </section>
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
          <label for={`variable-${name}`}>{description}</label>
          <input
            id={`variable-${name}`}
            value={form.variables.value[name] ?? ''}
            placeholder={example}
            required
            onInput={({ currentTarget }) =>
              (form.variables.value = { ...form.variables.value, [name]: currentTarget.value })
            }
          />
        </div>
      ))}
      <p>{preset.description}</p>
      <p>
        <b>What to expect.</b> {preset.expectation}
      </p>
      {preset.isOwn && (
        <button type="button" class="quiet" disabled={remove.isBusy} onClick={remove.run}>
          Delete this preset
        </button>
      )}
      {remove.error !== null && <p role="alert">{remove.error}</p>}
    </div>
  );
}
