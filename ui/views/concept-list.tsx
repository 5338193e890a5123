import { batch } from '@preact/signals';
import { useId } from 'preact/hooks';

import {
  addConcept,
  beginList,
  changeConcept,
  type ConceptDraft,
  concepts,
  removeConcept,
} from '../concepts.ts';
import {
  anchorText,
  asks,
  chosenPreset,
  choosePreset,
  conceptText,
  forgetText,
  form,
  unseenPictures,
} from '../form.ts';
import { t } from '../languages/words.ts';
import { PictureDrop } from './picture-drop.tsx';

/** Goes over to several concepts, the first of which is what stands there. */
export function SeveralConcepts() {
  // Classes need no names.
  if (asks.value !== 'words') return null;
  return (
    <button
      type="button"
      class="quiet"
      onClick={() => {
        batch(() => {
          const first = {
            ...{ name: conceptText.value, forget: forgetText.value, anchor: anchorText.value },
          };
          const pictures = form.forgetPictures.value;
          form.forgetPictures.value = [];
          choosePreset(null);
          beginList(first, pictures);
        });
      }}
    >
      {t('Forget several concepts at once')}
    </button>
  );
}

/** Several things to forget, each with words of its own. */
export function ConceptList() {
  return (
    <>
      <p class="help">
        {t(
          'Each is steered to an anchor of its own and judged by itself. What all of them keep stands beside.',
        )}
      </p>
      {concepts.value.map((concept, i) => (
        <ConceptCard key={concept.key} concept={concept} number={i + 1} />
      ))}
      <button type="button" class="button" onClick={addConcept}>
        {t('Add a concept')}
      </button>
    </>
  );
}

function ConceptCard({ concept, number }: { concept: ConceptDraft; number: number }) {
  const { key, name, forget, anchor, neighbours, pictures } = concept;
  const title = name.trim() === '' ? t('Concept {number}', { number }) : name;
  return (
    <fieldset class="concept">
      <legend>{title}</legend>
      <Line
        label={t('Name')}
        text={name}
        onText={(text) => {
          changeConcept(key, { name: text });
        }}
      />
      <Lines
        label={t('Prompts to forget')}
        text={forget}
        onText={(text) => {
          changeConcept(key, { forget: text });
        }}
      />
      <Line
        label={t('Draw instead')}
        text={anchor}
        none={t('each prompt without the concept')}
        onText={(text) => {
          changeConcept(key, { anchor: text });
        }}
      />
      <Lines
        label={t('Neighbours to keep')}
        text={neighbours}
        onText={(text) => {
          changeConcept(key, { neighbours: text });
        }}
      />
      <PictureDrop title={t('Pictures of {name}', { name: title })} pictures={pictures}>
        {unseenPictures('forget') ??
          t('A caption says what each shows. Without pictures the model draws them itself.')}
      </PictureDrop>
      <button
        type="button"
        class="quiet"
        onClick={() => {
          removeConcept(key);
          // The list of a preset that is empty leaves nothing of the preset.
          if (concepts.value.length === 0 && chosenPreset.value) choosePreset(null);
        }}
      >
        {t('Remove {name}', { name: title })}
      </button>
    </fieldset>
  );
}

interface TextProps {
  readonly label: string;
  readonly text: string;
  readonly none?: string;
  readonly onText: (text: string) => void;
}

function Line({ label, text, none, onText }: TextProps) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        value={text}
        placeholder={none}
        onInput={({ currentTarget }) => {
          onText(currentTarget.value);
        }}
      />
    </div>
  );
}

function Lines({ label, text, onText }: TextProps) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <textarea
        id={id}
        rows={3}
        value={text}
        spellcheck={false}
        onInput={({ currentTarget }) => {
          onText(currentTarget.value);
        }}
      />
    </div>
  );
}
