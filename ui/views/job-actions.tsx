import { useSignal } from '@preact/signals';

import type { JobView } from '../../src/contract/job-views.ts';
import { api } from '../api.ts';
import { fillFromJob } from '../form.ts';
import { chooseAddress, go } from '../state.ts';
import { DialogButton } from './dialog.tsx';
import { useAction } from './use-action.ts';
import type { Text } from '../languages/language.ts';
import { rich, t } from '../languages/words.ts';

interface JobProps {
  readonly job: JobView;
}

/** A button that does one thing, and says why it could not. */
export function ActionButton({
  title,
  work,
  isPrimary = false,
}: {
  title: string;
  work: () => Promise<unknown>;
  isPrimary?: boolean;
}) {
  const action = useAction(work);
  return (
    <>
      <button
        type="button"
        class={isPrimary ? 'button primary' : 'button'}
        aria-disabled={action.isBusy}
        onClick={action.run}
      >
        {title}
      </button>
      {action.error !== null && (
        <p class="problem" role="alert">
          {action.error}
        </p>
      )}
    </>
  );
}

export function CancelButton({ job: { id } }: JobProps) {
  return <ActionButton title={t('Cancel')} work={() => api.cancelJob(id)} />;
}

export function ResumeButton({ job: { id } }: JobProps) {
  return <ActionButton title={t('Resume')} isPrimary work={() => api.resumeJob(id)} />;
}

/** Back to the first moment with the words and settings of this job. */
export function AgainButton({ job }: JobProps) {
  return (
    <button
      type="button"
      class="button"
      onClick={() => {
        fillFromJob(job);
        go(chooseAddress);
      }}
    >
      {t('Change and start again')}
    </button>
  );
}

/** Asks first: what is deleted is gone. */
export function DeleteButton({ job }: JobProps) {
  const { id, concept, result } = job;
  const withModel = useSignal(false);
  return (
    <DialogButton
      label={t('Delete')}
      title={t('Delete the erasure of {concept}?', { concept })}
      confirm={t('Delete')}
      work={async () => {
        await api.deleteJob(id, withModel.value);
        go(chooseAddress);
      }}
    >
      <p>{t(whatGoes(job))}</p>
      {hasDeletableModel(job) && (
        <label class="check">
          <input
            type="checkbox"
            checked={withModel.value}
            onChange={({ currentTarget }) => (withModel.value = currentTarget.checked)}
          />
          <span>{rich(whatElse(job), { file: result?.model ?? '' })}</span>
        </label>
      )}
    </DialogButton>
  );
}

function whatGoes({ lora }: JobView): Text {
  if (!lora?.isInJob) return 'Its history, pictures and saved state go.';
  return lora.usedAt === null
    ? 'Its history, pictures and saved state go, and the LoRA file.'
    : "Its history, pictures and saved state go, and the LoRA file, which is taken out of the web UI's folder.";
}

function whatElse({ result, merged }: JobView): Text {
  if (result?.kind === 'lora') {
    return merged.length > 0
      ? 'Delete the LoRA file <code>{file}</code> too, and what was merged at other strengths'
      : 'Delete the LoRA file <code>{file}</code> too';
  }
  return merged.length > 0
    ? 'Delete the model <code>{file}</code> too, and what was merged at other strengths'
    : 'Delete the model <code>{file}</code> too';
}

/** Whether a job has a file of its own that may be deleted with it: none that is in use. */
function hasDeletableModel({ result, lora, merged }: JobView): boolean {
  if (!result || merged.some(({ isActive }) => isActive)) return false;
  if (merged.length > 0) return result.kind === 'lora' || !result.isActive;
  return result.kind === 'lora' ? !lora?.isInJob : !result.isActive;
}
