import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';

import {
  chosenPreset,
  forgetText,
  form,
  isRetainSuggested,
  retainText,
  suggestions,
  toLines,
  unseenPictures,
} from '../form.ts';
import { PictureDrop } from './picture-drop.tsx';

/** What is to be forgotten: prompts, pictures, or both. */
export function ForgetSet() {
  const images = chosenPreset.value?.images;
  return (
    <section class="set forget" aria-labelledby="forget-title">
      <h2 id="forget-title">Forget</h2>
      <PromptLines
        label="Prompts to forget"
        text={forgetText.value}
        placeholder={'a heart\na red heart\na photo of a heart'}
        onText={(text) => (form.forget.value = text)}
      >
        One a line. Say it in several wordings: what is not asked for in training may survive.{' '}
        <code>prompt =&gt; anchor</code> says what is drawn instead.
      </PromptLines>
      <PictureDrop title="Pictures to forget" pictures={form.forgetPictures}>
        {unseenPictures('forget') ??
          (images
            ? `${images.label}. ${images.reason}`
            : 'A caption says what each shows. Without pictures the model draws them itself.')}
      </PictureDrop>
    </section>
  );
}

/** What must stay as it is. */
export function RetainSet() {
  const kept = new Set(toLines(retainText.value));
  const more = (suggestions.value?.retain ?? []).filter((prompt) => !kept.has(prompt));
  return (
    <section class="set retain" aria-labelledby="retain-title">
      <h2 id="retain-title">Keep</h2>
      <PromptLines
        label="Prompts to keep"
        text={retainText.value}
        placeholder={'a star\na photo of a moon'}
        onText={(text) => (form.retain.value = text)}
      >
        {isRetainSuggested.value
          ? 'Suggested: what this model holds for similar, and suffers first. Edit as you like.'
          : 'One a line: neighbours of what is forgotten first, they suffer first.'}
      </PromptLines>
      {more.length > 0 && (
        <div class="suggestions" role="group" aria-label="Suggestions of what to keep">
          {more.slice(0, 8).map((prompt) => (
            <button
              key={prompt}
              type="button"
              class="chip"
              onClick={() => (form.retain.value = [...kept, prompt].join('\n'))}
            >
              <span aria-hidden="true">+ </span>
              {prompt}
            </button>
          ))}
        </div>
      )}
      <PictureDrop title="Pictures to keep" pictures={form.retainPictures}>
        {unseenPictures('retain') ??
          'Of things that must not suffer. Without pictures the model draws them itself.'}
      </PictureDrop>
    </section>
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
