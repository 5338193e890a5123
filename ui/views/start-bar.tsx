import type { Estimate } from '../../src/contract/estimate.ts';
import { api } from '../api.ts';
import { companions, vaeFor } from '../companions.ts';
import { concepts } from '../concepts.ts';
import { changeSettings, chosenModel, clearForm, estimate, estimateError, form } from '../form.ts';
import { jobRequest } from '../job-request.ts';
import { missing } from '../missing.ts';
import { go, jobAddress } from '../state.ts';
import { useAction } from './use-action.ts';
import { Warnings } from './warnings.tsx';
import { formatBytes, formatDuration, formatNumber } from '../languages/format.ts';
import { told } from '../languages/told.ts';
import { rich, t } from '../languages/words.ts';
import { placeOf, sizesOf } from '../languages/job-words.ts';

/** What it will take, and the button that starts it; always in sight. */
export function StartBar() {
  const start = useAction(async () => {
    const request = jobRequest.value;
    if (request === null) return;
    const { id } = await api.createJob(request, {
      forget: form.forgetPictures.value,
      retain: form.retainPictures.value,
      concepts: concepts.value.map(({ pictures }) => pictures.value),
    });
    clearForm();
    go(jobAddress(id));
  });
  const problem = start.error ?? estimateError.value;
  const known = estimate.value;
  return (
    <footer class="start">
      <div class="start-text" aria-live="polite">
        {missing.value !== null && <p class="help">{missing.value}</p>}
        {problem !== null && (
          <p class="problem" role={start.error === null ? undefined : 'alert'}>
            {problem}
          </p>
        )}
        {problem === null && missing.value === null && known !== null && (
          <EstimateText estimate={known} />
        )}
        {missing.value === null && known !== null && <Warnings of={known.warnings} />}
      </div>
      <button
        type="button"
        class="button primary"
        aria-disabled={jobRequest.value === null || start.isBusy}
        onClick={start.run}
      >
        {start.isBusy ? t('Starting…') : t('Erase')}
      </button>
    </footer>
  );
}

function EstimateText({ estimate: known }: { estimate: Estimate }) {
  const {
    seconds,
    measuringSeconds,
    memoryBytes,
    freeBytes,
    diskBytes,
    shapes,
    fits,
    advice,
    device,
    basis,
  } = known;
  const vae = vaeFor(chosenModel.value);
  const memory = formatBytes(memoryBytes);
  return (
    <>
      <p class="facts">
        <span>
          <b>{formatDuration(seconds)}</b>
          {measuringSeconds > 0 &&
            ` ${t('({time} to compare both models)', { time: formatDuration(measuringSeconds) })}`}
        </span>
        <span>
          {freeBytes === null
            ? rich('<b>{memory}</b> memory', { memory })
            : rich('<b>{memory}</b> memory of {free} free', {
                memory,
                free: formatBytes(freeBytes),
              })}
        </span>
        <span>{rich('<b>{bytes}</b> disk', { bytes: formatBytes(diskBytes) })}</span>
        {shapes.length > 0 && <span>{t('pictures at {sizes}', { sizes: sizesOf(shapes) })}</span>}
        {vae && <span>VAE: {vae.name}</span>}
        {companions.baseLoras.value.map(({ name, strength: times }) => (
          <span key={name}>
            {t('LoRA: {name} at {strength}', { name, strength: formatNumber(times ?? 1) })}
          </span>
        ))}
        {companions.embeddings.value.map((name) => (
          <span key={name}>{t('Embedding: {name}', { name })}</span>
        ))}
        <span>{placeOf(device)}</span>
        <span>{basis === 'measured' ? t('measured here') : t('estimated from another model')}</span>
      </p>
      {!fits && (
        <div class="problem">
          <p>{t('It does not fit.')}</p>
          {advice.map(({ message, settings }) => (
            <p key={message}>
              {told(message)}{' '}
              {Object.keys(settings).length > 0 && (
                <button
                  type="button"
                  class="quiet"
                  onClick={() => {
                    changeSettings(settings);
                  }}
                >
                  {t('Apply')}
                </button>
              )}
            </p>
          ))}
        </div>
      )}
    </>
  );
}
