import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';

import type { CompanionKind } from '../../src/contract/services.ts';
import { api } from '../api.ts';
import { companionCount, companions } from '../companions.ts';
import { chosenModel } from '../form.ts';
import { embeddings, loadCompanions, loras } from '../state.ts';
import { GiveFile } from './give-file.tsx';
import { useAction } from './use-action.ts';
import { VaeField } from './vae-field.tsx';
import { t } from '../languages/words.ts';

/** What the model is run with besides its own files, folded away. */
export function CompanionFields() {
  const load = useAction(loadCompanions);
  const count = companionCount.value;
  return (
    <details
      class="companions"
      onToggle={({ currentTarget }) => {
        if (currentTarget.open && loras.value === null) load.run();
      }}
    >
      <summary>
        {t('LoRAs, embeddings, another VAE')}{' '}
        {count > 0 && (
          <span class="count">
            {t('{count, plural, one {# chosen} other {# chosen}}', { count })}
          </span>
        )}
      </summary>
      {load.error !== null && (
        <p class="problem" role="alert">
          {load.error}
        </p>
      )}
      <LoraField />
      <EmbeddingField />
      {chosenModel.value?.hasVae !== false && <VaeField />}
    </details>
  );
}

/** LoRAs that are erased from together with the model, each with its strength. */
function LoraField() {
  const chosen = companions.baseLoras.value;
  const names = chosen.map(({ name }) => name);
  return (
    <FileField
      label={t('LoRAs on top')}
      help={t(
        'They belong to how the model is drawn with: the concept is erased from both together. The result has them in its weights; a LoRA file as the result is for use on top of both.',
      )}
      known={loras.value?.map(({ name }) => name) ?? []}
      none={t('There are none yet: add one, or put them where the web UI keeps its LoRAs.')}
      give={{ kind: 'loras', add: t('Add a LoRA from this computer'), accept: '.safetensors' }}
      chosen={names}
      onNames={(wanted) => {
        companions.baseLoras.value = wanted.map(
          (name) => chosen.find((lora) => lora.name === name) ?? { name, strength: 1 },
        );
      }}
    >
      {(name) => (
        <input
          type="number"
          step="any"
          min={-100}
          max={100}
          value={chosen.find((lora) => lora.name === name)?.strength ?? 1}
          aria-label={t('Strength of {name}', { name })}
          onInput={({ currentTarget: { valueAsNumber: strength } }) => {
            if (Number.isNaN(strength)) return;
            companions.baseLoras.value = chosen.map((lora) =>
              lora.name === name ? { name, strength } : lora,
            );
          }}
        />
      )}
    </FileField>
  );
}

/** Embeddings whose words are forgotten. */
function EmbeddingField() {
  return (
    <FileField
      label={t('Embeddings to forget')}
      help={t(
        'Their words are forgotten. A preset’s only open field takes them; without prompts some are made of them.',
      )}
      known={embeddings.value?.map(({ name }) => name) ?? []}
      none={t('There are none yet: add one, or put them where the web UI keeps its embeddings.')}
      give={{
        kind: 'embeddings',
        add: t('Add an embedding from this computer'),
        accept: '.safetensors,.pt,.bin',
      }}
      chosen={companions.embeddings.value}
      onNames={(names) => (companions.embeddings.value = names)}
    />
  );
}

interface FileFieldProps {
  readonly label: string;
  readonly help: string;
  /** Names of what there is. */
  readonly known: readonly string[];
  /** What is said where there is nothing. */
  readonly none: string;
  /** What of the person's computer can be added. */
  readonly give: { readonly kind: CompanionKind; readonly add: string; readonly accept: string };
  readonly chosen: readonly string[];
  readonly onNames: (names: readonly string[]) => void;
  /** Beside the name of one that was chosen. */
  readonly children?: (name: string) => ComponentChildren;
}

/** A list of files, to which one after the other is added. */
function FileField(props: FileFieldProps) {
  const { label, help, known, none, give, chosen, onNames, children } = props;
  const id = useId();
  const others = known.filter((name) => !chosen.includes(name));
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select
        id={id}
        value=""
        disabled={others.length === 0}
        aria-describedby={`${id}-help`}
        onChange={({ currentTarget }) => {
          onNames([...chosen, currentTarget.value]);
          currentTarget.value = '';
        }}
      >
        <option value="">{t('Add one')}</option>
        {others.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
      {chosen.length > 0 && (
        <ul class="chosen-files" aria-label={label}>
          {chosen.map((name) => (
            <li key={name}>
              <span>{name}</span>
              {children?.(name)}
              <button
                type="button"
                class="quiet"
                aria-label={t('Remove {name}', { name })}
                onClick={() => {
                  onNames(chosen.filter((other) => other !== name));
                }}
              >
                {t('Remove')}
              </button>
            </li>
          ))}
        </ul>
      )}
      <p id={`${id}-help`} class="help">
        {known.length + chosen.length === 0 ? none : help}
      </p>
      <GiveFile
        title={give.add}
        accept={give.accept}
        onFiles={async ([file]) => {
          if (!file) return;
          const { name } = await api.giveFiles(give.kind, { file });
          await loadCompanions();
          if (!chosen.includes(name)) onNames([...chosen, name]);
        }}
      />
    </div>
  );
}
