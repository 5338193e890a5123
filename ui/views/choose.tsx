import { computed } from '@preact/signals';

import { concepts } from '../concepts.ts';
import {
  anchorText,
  chosenModel,
  conceptText,
  estimate,
  form,
  isSteered,
  suggestions,
} from '../form.ts';
import { connection, loadError, models } from '../state.ts';
import { AdvancedSettings } from './advanced-settings.tsx';
import { KnowsIt } from './knows-it.tsx';
import { ModelChoice } from './model-choice.tsx';
import { PresetCards } from './preset-cards.tsx';
import { ForgetSet, RetainSet } from './prompt-sets.tsx';
import { StartBar } from './start-bar.tsx';
import { told } from '../languages/told.ts';
import { rich, t } from '../languages/words.ts';

/** The first moment: what is erased, from which model, and what stays. */
export function Choose() {
  if (models.value === null) return isWaiting.value ? <Loading /> : null;
  if (chosenModel.value === undefined) return <NoModels />;
  return (
    <form
      class="choose"
      onSubmit={(event) => {
        event.preventDefault();
      }}
    >
      <div class="opening">
        <header class="title">
          <h1>{t('What should the model forget?')}</h1>
          <p>
            {t(
              'It learns not to draw it, and to draw everything else as before. The result is a new file; the model itself is never changed.',
            )}
          </p>
        </header>
        <ModelChoice />
      </div>
      <PresetCards />
      <div class="sets">
        <ForgetSet />
        <RetainSet />
      </div>
      <KnowsIt />
      {concepts.value.length === 0 && <Words />}
      <AdvancedSettings />
      <StartBar />
    </form>
  );
}

/** Else the banner says what is wrong. */
const isWaiting = computed(() => loadError.value === null && connection.value !== 'unauthorized');

function Loading() {
  return <p class="loading">{t('Reading models and presets…')}</p>;
}

function NoModels() {
  const refused = models.value ?? [];
  return (
    <section class="empty">
      <h1>{t('No model to erase from')}</h1>
      <p>
        {rich(
          'Put a Stable Diffusion checkpoint (1.x, 2.x or XL: <code>.safetensors</code> or a diffusers folder) into one of the folders that the server was started with, or start it with <code>--models FOLDER</code>, then reload this page.',
        )}
      </p>
      {refused.length > 0 && (
        <>
          <h2>{t('Found, but not usable')}</h2>
          <dl class="refusals">
            {refused.map(({ name, refusal }) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{told(refusal ?? '')}</dd>
              </div>
            ))}
          </dl>
        </>
      )}
    </section>
  );
}

function AnchorField() {
  return (
    <div class="field">
      <label for="anchor">{t('Draw instead')}</label>
      <input
        id="anchor"
        value={anchorText.value}
        placeholder={t('each prompt without the concept')}
        aria-describedby="anchor-help"
        onInput={({ currentTarget }) => (form.anchor.value = currentTarget.value)}
      />
      <p id="anchor-help" class="help">
        {t(
          'The anchor: what forgotten prompts are steered to. Empty: each to itself without the concept.',
        )}
      </p>
      <SingleAnchors />
    </div>
  );
}

/** What each prompt becomes, to be changed one by one. */
function SingleAnchors() {
  const lines = estimate.value?.forget ?? [];
  const [first] = lines;
  if (first === undefined) return null;
  return (
    <details class="anchors">
      <summary>
        {t('“{prompt}” becomes “{anchor}”{more, plural, =0 {} other {, and # more}}', {
          prompt: first.prompt,
          anchor: first.anchor,
          more: lines.length - 1,
        })}
      </summary>
      <ul>
        {lines.map(({ prompt, anchor }) => (
          <li key={prompt}>
            <label>
              <span>{prompt}</span>
              <input
                value={form.anchors.value[prompt] ?? anchor}
                onInput={({ currentTarget }) =>
                  (form.anchors.value = { ...form.anchors.value, [prompt]: currentTarget.value })
                }
              />
            </label>
          </li>
        ))}
      </ul>
    </details>
  );
}

/** What the forgotten prompts become, and what the result is called. */
function Words() {
  return (
    <section class="words" aria-label={t('Anchor and name')}>
      {isSteered.value && <AnchorField />}
      <div class="field">
        <label for="concept">{t('Name of the concept')}</label>
        <input
          id="concept"
          value={conceptText.value}
          placeholder={suggestions.value?.concept ?? t('found from the prompts')}
          aria-describedby="concept-help"
          onInput={({ currentTarget }) => (form.concept.value = currentTarget.value)}
        />
        <p id="concept-help" class="help">
          {rich('Names the result: <code>model-without-name</code>.')}
        </p>
      </div>
    </section>
  );
}
