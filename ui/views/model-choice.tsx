import type { ModelView } from '../../src/contract/views.ts';
import { predictionTitle } from '../../src/diffusion/prediction-reading.ts';
import { formatBytes } from '../../src/format-bytes.ts';
import { chooseModel, chosenModel, drawing } from '../form.ts';
import { isPredictionChosen } from '../missing.ts';
import { models } from '../state.ts';
import { CompanionFields } from './companion-fields.tsx';
import { DrawingNotes } from './drawing-notes.tsx';
import { VaeField } from './vae-field.tsx';

/** The model to erase from; those that cannot be used say why. */
export function ModelChoice() {
  const all = models.value ?? [];
  const refused = all.filter(({ refusal }) => refusal !== null);
  const model = chosenModel.value;
  return (
    <section class="model field">
      <label for="model">Model</label>
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
            {name}
            {isActive ? ' (active)' : ''}
            {refusal === null ? '' : ' (cannot be used)'}
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
            {refused.length === 1 ? 'One model' : `${refused.length} models`} cannot be used
          </summary>
          <dl class="refusals">
            {refused.map(({ name, refusal }) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{refusal}</dd>
              </div>
            ))}
          </dl>
        </details>
      )}
    </section>
  );
}

/** What is known of the model, in a line. */
function ModelFacts({ model }: { model: ModelView }) {
  return (
    <p id="model-help" class="help facts">
      <span>{model.architecture ?? 'unknown family'}</span>
      <span>{formatBytes(model.bytes)}</span>
      {model.prediction && <span>predicts {predictionTitle(model.prediction)}</span>}
      {model.scrubbed && (
        <span>
          {model.scrubbed.concept === 'unknown'
            ? 'something was erased from it already'
            : `already without ${model.scrubbed.concept}`}
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
        {model.predictionProblem}
      </p>
    );
  }
  return model.prediction?.remarks.map((remark) => (
    <p key={remark} class="help" role="note">
      {remark}
    </p>
  ));
}
