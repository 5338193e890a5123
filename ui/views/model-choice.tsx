import type { ModelView } from '../../src/contract/views.ts';
import { predictionTitle } from '../../src/diffusion/prediction-reading.ts';
import { chooseModel, chosenModel, drawing } from '../form.ts';
import { isPredictionChosen } from '../missing.ts';
import { models } from '../state.ts';
import { CompanionFields } from './companion-fields.tsx';
import { DrawingNotes } from './drawing-notes.tsx';
import { VaeField } from './vae-field.tsx';
import { formatBytes } from '../languages/format.ts';
import { told } from '../languages/told.ts';
import { t } from '../languages/words.ts';

/** The model to erase from; those that cannot be used say why. */
export function ModelChoice() {
  const all = models.value ?? [];
  const refused = all.filter(({ refusal }) => refusal !== null);
  const model = chosenModel.value;
  return (
    <section class="model field">
      <label for="model">{t('Model')}</label>
      <select
        id="model"
        value={model?.name}
        aria-describedby="model-help"
        onChange={({ currentTarget }) => {
          chooseModel(currentTarget.value);
        }}
      >
        {all.map(({ name, refusal, isActive }) => (
          <option key={name} value={name} disabled={refusal !== null}>
            {nameOf({ name, refusal, isActive })}
          </option>
        ))}
      </select>
      {model && <ModelFacts model={model} />}
      {model?.hasVae === false && <VaeField />}
      <CompanionFields />
      {model && <DrawingNotes {...drawing.value} />}
      {model && <PredictionNotes model={model} />}
      {refused.length > 0 && (
        <details>
          <summary>
            {t('{count, plural, one {One model} other {# models}} cannot be used', {
              count: refused.length,
            })}
          </summary>
          <dl class="refusals">
            {refused.map(({ name, refusal }) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{told(refusal ?? '')}</dd>
              </div>
            ))}
          </dl>
        </details>
      )}
    </section>
  );
}

function nameOf({
  name,
  refusal,
  isActive,
}: Pick<ModelView, 'name' | 'refusal' | 'isActive'>): string {
  if (refusal !== null) return t('{name} (cannot be used)', { name });
  return isActive ? t('{name} (active)', { name }) : name;
}

/** What is known of the model, in a line. */
function ModelFacts({ model }: { model: ModelView }) {
  return (
    <p id="model-help" class="help facts">
      <span>{model.architecture ?? t('unknown family')}</span>
      <span>{formatBytes(model.bytes)}</span>
      {model.prediction && (
        <span>{t('predicts {what}', { what: told(predictionTitle(model.prediction)) })}</span>
      )}
      {model.scrubbed && (
        <span>
          {model.scrubbed.concept === 'unknown'
            ? t('something was erased from it already')
            : t('already without {concept}', { concept: model.scrubbed.concept })}
        </span>
      )}
    </p>
  );
}

/** What a person should know of what the model predicts, unless they have chosen it. */
function PredictionNotes({ model }: { model: ModelView }) {
  if (isPredictionChosen.value) return null;
  if (model.predictionProblem !== null) {
    return (
      <p class="problem" role="note">
        {told(model.predictionProblem)}
      </p>
    );
  }
  return model.prediction?.remarks.map((remark) => (
    <p key={remark} class="help" role="note">
      {told(remark)}
    </p>
  ));
}
