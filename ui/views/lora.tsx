import type { JobView } from '../../src/contract/job-views.ts';
import { api } from '../api.ts';
import { hasWorkflow, putLoraIntoWorkflow } from '../host-page.ts';
import { CopyField } from './copy-field.tsx';
import { loraTag } from '../../src/lora-tag.ts';
import { ActionButton } from './job-actions.tsx';
import { formatBytes } from '../languages/format.ts';
import { t } from '../languages/words.ts';

/** The LoRA file of a job: put on top of the original, and taken away again, without another checkpoint. */
export function LoraResult({
  job,
  lora,
  strength,
}: {
  job: JobView;
  lora: NonNullable<JobView['lora']>;
  /** How many times it is to count. */
  strength: number;
}) {
  const isUsed = lora.usedAt !== null;
  return (
    <section class="result" aria-label={t('The LoRA')}>
      <p class="facts">
        <span>
          <b>LoRA</b>
        </span>
        <span>{formatBytes(lora.bytes)}</span>
        {isUsed && <span class="state done">{t("In the web UI's folder")}</span>}
      </p>
      <CopyField
        what={t('Where the LoRA is')}
        text={lora.usedAt ?? lora.path}
        button={t('Copy path')}
      />
      {isUsed && (
        <>
          <p>
            {t(
              'In a prompt it forgets, as strongly as the number behind its name says; ComfyUI takes it by the node LoraLoaderModelOnly.',
            )}
          </p>
          <CopyField
            what={t('The tag for prompts')}
            text={loraTag(lora.name, strength)}
            button={t('Copy tag')}
          />
        </>
      )}
      <div class="actions">
        {lora.usedAt !== null && hasWorkflow() && (
          <PutIntoWorkflowButton file={lora.usedAt} strength={strength} />
        )}
        {isUsed ? (
          <ActionButton
            title={t('Roll back: take the LoRA out')}
            work={() => api.rollbackLora(job.id)}
          />
        ) : (
          <ActionButton title={t('Use as LoRA')} isPrimary work={() => api.applyLora(job.id)} />
        )}
      </div>
    </section>
  );
}

/** What came of it is said by the page around. */
function PutIntoWorkflowButton({ file, strength }: { file: string; strength: number }) {
  return (
    <button
      type="button"
      class="button primary"
      onClick={() => {
        putLoraIntoWorkflow(file, strength);
      }}
    >
      {t('Put it into this workflow')}
    </button>
  );
}
