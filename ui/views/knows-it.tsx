import { computed, signal } from '@preact/signals';

import type { Knowledge, KnowledgeRequest } from '../../src/contract/knowledge.ts';
import { spread } from '../../src/erase/spread.ts';
import { api } from '../api.ts';
import { companionRequest } from '../companions.ts';
import { concepts } from '../concepts.ts';
import {
  asks,
  chosenModel,
  conceptText,
  forgetText,
  form,
  promptOf,
  suggestions,
} from '../form.ts';
import { toLines } from '../lines.ts';
import { formatTenths } from '../languages/format.ts';
import { rich, t } from '../languages/words.ts';
import { ActionButton } from './job-actions.tsx';

/** Each is drawn, and four invented names in its place. */
const mostPrompts = 2;
const picturesOfEach = 4;
const drawnGroups = 5;
const pollMs = 1000;

/** The last question, and of which model; null before the first. */
const asked = signal<{ readonly model: string; readonly answer: Knowledge } | null>(null);

/** What is asked as the form stands; null while there is nothing to ask. */
const question = computed<KnowledgeRequest | null>(() => {
  const model = chosenModel.value;
  const lines = toLines(forgetText.value).map(promptOf);
  if (concepts.value.length > 0) return null;
  if (model === undefined || asks.value !== 'words' || lines.length === 0) return null;
  // Presets are filled in by the person.
  if (lines.some((line) => line.includes('{'))) return null;
  const concept = conceptText.value.trim() || (suggestions.value?.concept ?? '');
  const named = lines.filter((line) => line.toLowerCase().includes(concept.toLowerCase()));
  const isNamed = concept !== '' && named.length > 0;
  return {
    ...{ model: model.name, ...companionRequest(model) },
    prompts: spread(isNamed ? named : lines, mostPrompts).map(({ item }) => item),
    ...(isNamed && { concept }),
    ...{ count: picturesOfEach, device: form.device.value },
  };
});

/** Whether there is anything to erase, before it is erased. */
export function KnowsIt() {
  const request = question.value;
  if (request === null) return null;
  const answer = asked.value?.answer;
  return (
    <section class="knows" aria-labelledby="knows-title">
      <h2 id="knows-title">{t('Does this model know it?')}</h2>
      <p class="help">
        {t(
          'The model draws {count} pictures of it and of invented names, and says which prompt explains them best. What it does not know cannot be erased. Nothing leaves this machine.',
          { count: drawnGroups * picturesOfEach * request.prompts.length },
        )}
      </p>
      <div aria-live="polite">{answer && <Answered answer={answer} />}</div>
      {answer?.state === 'running' ? (
        <ActionButton
          title={t('Cancel the question')}
          work={async () => {
            show(await api.cancelKnowledge(answer.id));
          }}
        />
      ) : (
        <ActionButton title={t('Ask the model')} work={() => ask(request)} />
      )}
    </section>
  );
}

function Answered({ answer: { state, done, total, prompts, error } }: { answer: Knowledge }) {
  if (state === 'failed') return <p class="problem">{error}</p>;
  if (state === 'cancelled') return <p class="help">{t('It was cancelled.')}</p>;
  if (prompts === null) {
    return (
      <progress aria-label={t('How far the question is')} max={Math.max(1, total)} value={done} />
    );
  }
  return (
    <>
      <p class="help">{t('Asked of {model}:', { model: asked.value?.model ?? '' })}</p>
      <ul>
        {prompts.map(({ prompt, lead, interval: [low, high], names, isKnown }) => (
          <li key={prompt}>
            {rich(
              isKnown
                ? '<b>The model knows “{prompt}”.</b> It explains its own pictures better than invented names by {lead} (95 %: {low} to {high}); such names reach {most} at most.'
                : '<b>The model knows no more of “{prompt}” than of an invented name.</b> It explains its own pictures better by {lead} (95 %: {low} to {high}); invented names reach {most}.',
              {
                prompt,
                lead: formatTenths(lead),
                low: formatTenths(low),
                high: formatTenths(high),
                most: formatTenths(Math.max(...names.map((name) => name.lead))),
              },
            )}
          </li>
        ))}
      </ul>
    </>
  );
}

async function ask(request: KnowledgeRequest): Promise<void> {
  const answer = await api.askKnowledge(request);
  asked.value = { model: request.model, answer };
  follow(answer.id);
}

function show(answer: Knowledge): void {
  if (asked.value?.answer.id === answer.id) asked.value = { ...asked.value, answer };
}

/** Looks how far a question is until it is over or another one is asked. */
function follow(id: string): void {
  setTimeout(() => {
    if (asked.value?.answer.id !== id || asked.value.answer.state !== 'running') return;
    api
      .knowledge(id)
      .then(show)
      // A server that does not answer is told of elsewhere; it may be back.
      .catch(() => undefined)
      .finally(() => {
        follow(id);
      });
  }, pollMs);
}
