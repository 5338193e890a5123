import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';

import { concepts } from '../concepts.ts';
import {
  asks,
  chosenPreset,
  forgetText,
  form,
  isRetainSuggested,
  retainText,
  suggestions,
  unseenPictures,
} from '../form.ts';
import { toLines } from '../lines.ts';
import { ConceptList, SeveralConcepts } from './concept-list.tsx';
import { PictureDrop } from './picture-drop.tsx';
import { told } from '../languages/told.ts';
import { rich, t } from '../languages/words.ts';

/** What is to be forgotten: prompts, pictures, or both. */
export function ForgetSet() {
  const images = chosenPreset.value?.images;
  if (concepts.value.length > 0) {
    return (
      <section class="set forget" aria-labelledby="forget-title">
        <h2 id="forget-title">{t('Forget')}</h2>
        <ConceptList />
      </section>
    );
  }
  return (
    <section class="set forget" aria-labelledby="forget-title">
      <h2 id="forget-title">{t('Forget')}</h2>
      {asks.value !== 'nothing' && (
        <PromptLines
          label={asks.value === 'classes' ? t('Classes to forget') : t('Prompts to forget')}
          text={forgetText.value}
          placeholder={
            asks.value === 'classes' ? 'class 3' : 'a heart\na red heart\na photo of a heart'
          }
          onText={(text) => (form.forget.value = text)}
        >
          {forgetHelp()}
        </PromptLines>
      )}
      <Suggested
        label={t('Suggestions of what to forget')}
        text={forgetText.value}
        prompts={suggestions.value?.forget}
        onText={(text) => (form.forget.value = text)}
      />
      <PictureDrop title={t('Pictures to forget')} pictures={form.forgetPictures}>
        {unseenPictures('forget') ??
          (images
            ? `${told(images.label)}. ${told(images.reason)}`
            : asks.value === 'nothing'
              ? t('The model shall not draw these any more.')
              : t('A caption says what each shows. Without pictures the model draws them itself.'))}
      </PictureDrop>
      <SeveralConcepts />
    </section>
  );
}

function forgetHelp() {
  if (asks.value === 'classes') {
    return rich(
      'One a line, by its number from 0. <code>class 3 => class 5</code> says what is drawn instead.',
    );
  }
  return rich(
    'One a line. Say it in several wordings: what is not asked for in training may survive. <code>prompt => anchor</code> says what is drawn instead.',
  );
}

/** What must stay as it is. */
export function RetainSet() {
  return (
    <section class="set retain" aria-labelledby="retain-title">
      <h2 id="retain-title">{t('Keep')}</h2>
      {asks.value !== 'nothing' && (
        <PromptLines
          label={asks.value === 'classes' ? t('Classes to keep') : t('Prompts to keep')}
          text={retainText.value}
          placeholder={asks.value === 'classes' ? t('all others') : 'a star\na photo of a moon'}
          onText={(text) => (form.retain.value = text)}
        >
          {retainHelp()}
        </PromptLines>
      )}
      <Suggested
        label={t('Suggestions of what to keep')}
        text={retainText.value}
        prompts={suggestions.value?.retain}
        onText={(text) => (form.retain.value = text)}
      />
      <PictureDrop title={t('Pictures to keep')} pictures={form.retainPictures}>
        {unseenPictures('retain') ??
          t('Of things that must not suffer. Without pictures the model draws them itself.')}
      </PictureDrop>
    </section>
  );
}

function retainHelp(): string {
  if (asks.value === 'classes') return t('One a line. Empty: all others.');
  return isRetainSuggested.value
    ? t('Suggested: what this model holds for similar, and suffers first. Edit as you like.')
    : t('One a line: neighbours of what is forgotten first, they suffer first.');
}

interface SuggestedProps {
  readonly label: string;
  /** The lines that are there. */
  readonly text: string;
  readonly prompts: readonly string[] | undefined;
  readonly onText: (text: string) => void;
}

/** Prompts that a press adds to the lines. */
function Suggested({ label, text, prompts = [], onText }: SuggestedProps) {
  const lines = new Set(toLines(text));
  const more = prompts.filter((prompt) => !lines.has(prompt)).slice(0, 8);
  if (more.length === 0) return null;
  return (
    <div class="suggestions" role="group" aria-label={label}>
      {more.map((prompt) => (
        <button
          key={prompt}
          type="button"
          class="chip"
          onClick={() => {
            onText([...lines, prompt].join('\n'));
          }}
        >
          <span aria-hidden="true">+ </span>
          {prompt}
        </button>
      ))}
    </div>
  );
}

interface PromptLinesProps {
  readonly label: string;
  readonly text: string;
  readonly placeholder: string;
  readonly onText: (text: string) => void;
  readonly children: ComponentChildren;
}

function PromptLines({ label, text, placeholder, onText, children }: PromptLinesProps) {
  const id = useId();
  const count = toLines(text).length;
  return (
    <div class="field">
      <label for={id}>
        {label} {count > 0 && <span class="count">{count}</span>}
      </label>
      <textarea
        id={id}
        class="lines"
        value={text}
        placeholder={placeholder}
        spellcheck={false}
        aria-describedby={`${id}-help`}
        onInput={({ currentTarget }) => {
          onText(currentTarget.value);
        }}
      />
      <p id={`${id}-help`} class="help">
        {children}
      </p>
    </div>
  );
}
