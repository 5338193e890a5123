import type { ModelView } from '../../src/contract/views.ts';
import { predictionTitle } from '../../src/diffusion/prediction-reading.ts';
import { formatBytes } from '../../src/format-bytes.ts';
import { describeDrawing, describeGuesses } from '../../src/drawing/describe-drawing.ts';
import { chooseModel, chosenModel, chosenVae, drawing, form, isPredictionChosen } from '../form.ts';
import { models, vaes } from '../state.ts';

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
      {model && (
        <p id="model-help" class="help facts">
          <span>{model.architecture ?? 'unknown family'}</span>
          <span>{formatBytes(model.bytes)}</span>
          {model.prediction && <span>predicts {predictionTitle(model.prediction)}</span>}
          {model.scrubbed && <span>already without {model.scrubbed.concept}</span>}
        </p>
      )}
      <VaeField />
      {model && <DrawingNotes />}
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

/** What draws the pictures of a model that has no VAE. */
function VaeField() {
  if (chosenModel.value?.hasVae !== false) return null;
  const known = vaes.value ?? [];
  const chosen = chosenVae.value;
  return (
    <div class="field">
      <label for="vae">VAE</label>
      <select
        id="vae"
        value={chosen?.name ?? ''}
        aria-describedby="vae-help"
        onChange={({ currentTarget: { value } }) => {
          form.vae.value = value === '' ? null : value;
        }}
      >
        {chosen === null && <option value="">Choose one</option>}
        {known.map(({ name, isChosen }) => (
          <option key={name} value={name}>
            {name}
            {isChosen ? ' (in use)' : ''}
          </option>
        ))}
      </select>
      <p id="vae-help" class="help">
        {known.length === 0
          ? 'The model has none, and there is none to choose: put the one that you draw with beside the model, as NAME.vae.safetensors, or where the web UI keeps its VAEs, then reload this page.'
          : 'The model has none. Its pictures are drawn with this one; the result is without one, too.'}
      </p>
    </div>
  );
}

/** How it is drawn, and where that was guessed from. */
function DrawingNotes() {
  const { draws, sources } = drawing.value;
  const guesses = describeGuesses(draws, sources);
  return (
    <p class="help" role="note" aria-label="How it is drawn">
      Drawn in {describeDrawing(draws)}.
      {guesses.map((guess) => (
        <span key={guess}> Guessed: {guess}.</span>
      ))}
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
