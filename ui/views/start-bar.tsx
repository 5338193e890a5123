import { describeShapes } from '../../src/erase/picture-shapes.ts';
import { formatBytes } from '../../src/format-bytes.ts';
import { formatDuration } from '../../src/format.ts';
import type { Estimate } from '../../src/contract/estimate.ts';
import { api } from '../api.ts';
import { companions, vaeFor } from '../companions.ts';
import { changeSettings, chosenModel, clearForm, estimate, estimateError, form } from '../form.ts';
import { jobRequest } from '../job-request.ts';
import { missing } from '../missing.ts';
import { go, jobAddress } from '../state.ts';
import { useAction } from './use-action.ts';
import { Warnings } from './warnings.tsx';

/** What it will take, and the button that starts it; always in sight. */
export function StartBar() {
  const start = useAction(async () => {
    const request = jobRequest.value;
    if (request === null) return;
    const { id } = await api.createJob(request, {
      forget: form.forgetPictures.value,
      retain: form.retainPictures.value,
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
        {start.isBusy ? 'Starting…' : 'Erase'}
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
  const free = freeBytes === null ? '' : ` of ${formatBytes(freeBytes)} free`;
  return (
    <>
      <p class="facts">
        <span>
          <b>{formatDuration(seconds)}</b>
          {measuringSeconds > 0 && ` (${formatDuration(measuringSeconds)} to compare both models)`}
        </span>
        <span>
          <b>{formatBytes(memoryBytes)}</b> memory{free}
        </span>
        <span>
          <b>{formatBytes(diskBytes)}</b> disk
        </span>
        {shapes.length > 0 && <span>pictures at {describeShapes(shapes)}</span>}
        {vae && <span>VAE: {vae.name}</span>}
        {companions.baseLoras.value.map(({ name, strength: times }) => (
          <span key={name}>
            LoRA: {name} at {times}
          </span>
        ))}
        {companions.embeddings.value.map((name) => (
          <span key={name}>Embedding: {name}</span>
        ))}
        <span>on {device === 'cpu' ? 'the processor' : device}</span>
        <span>{basis === 'measured' ? 'measured here' : 'estimated from another model'}</span>
      </p>
      {!fits && (
        <div class="problem">
          <p>It does not fit.</p>
          {advice.map(({ message, settings }) => (
            <p key={message}>
              {message}{' '}
              {Object.keys(settings).length > 0 && (
                <button
                  type="button"
                  class="quiet"
                  onClick={() => {
                    changeSettings(settings);
                  }}
                >
                  Apply
                </button>
              )}
            </p>
          ))}
        </div>
      )}
    </>
  );
}
