import type { JobView } from '../../src/contract/job-views.ts';
import { useSignal } from '@preact/signals';

import { api, jobUrl } from '../api.ts';
import { rollBackModel, useScrubbedModel } from '../host-page.ts';
import type { WatchedJob } from '../state.ts';
import { Attacks } from './attacks.tsx';
import { BeforeAfter } from './before-after.tsx';
import { CopyField } from './copy-field.tsx';
import { ActionButton, DeleteButton } from './job-actions.tsx';
import { JobHeader } from './job-header.tsx';
import { Log } from './log.tsx';
import { LoraResult } from './lora.tsx';
import { Numbers } from './numbers.tsx';
import { TrainingPlots } from './plots.tsx';
import { SampleStrip } from './sample-strip.tsx';
import { SavePresetButton } from './save-preset.tsx';
import { StrengthChoice } from './strength.tsx';
import { formatBytes, formatDuration, formatNumber } from '../languages/format.ts';
import { told } from '../languages/told.ts';
import { t } from '../languages/words.ts';

/** The third moment: what came of it, and what to do with it. */
export function Compare({ job, history }: WatchedJob) {
  const strength = useSignal(1);
  return (
    <article class="compare">
      <JobHeader job={job} title={t('Without {concept}', { concept: job.concept })} />
      {job.result ? (
        <Result job={job} result={job.result} strength={strength.value} />
      ) : (
        <MissingResult job={job} />
      )}
      {job.lora && <LoraResult job={job} lora={job.lora} strength={strength.value} />}
      {job.evaluation && <Numbers evaluation={job.evaluation} />}
      {job.lora && <StrengthChoice job={job} strength={strength} />}
      <BeforeAfter job={job} />
      {job.state === 'done' && <Attacks job={job} />}
      <details class="how">
        <summary>{t('How it trained')}</summary>
        <TrainingPlots points={history.progress} method={job.settings?.method} />
        <SampleStrip job={job} />
        <Log lines={history.log} />
      </details>
    </article>
  );
}

interface ResultProps {
  readonly job: JobView;
  readonly result: NonNullable<JobView['result']>;
  /** How many times its change is to count, where it made a LoRA file. */
  readonly strength: number;
}

function Result({ job, result, strength }: ResultProps) {
  const { id, hasReport, seconds, lora, merged } = job;
  const isResult = result.kind === 'checkpoint' && strength === 1;
  return (
    <section class="result" aria-label={t('The new model')}>
      <p class="facts">
        <span>
          <b>{result.model}</b>
        </span>
        <span>{formatBytes(result.bytes)}</span>
        {seconds !== null && <span>{t('made in {time}', { time: formatDuration(seconds) })}</span>}
        {result.isActive && <span class="state done">{t('In use')}</span>}
        <InUseAtStrength merged={merged} />
      </p>
      {result.kind === 'checkpoint' && (
        <CopyField what={t('Where the model is')} text={result.path} button={t('Copy path')} />
      )}
      {!isResult && lora && <MergedModel merged={merged} strength={strength} />}
      <div class="actions">
        <UseButton {...{ job, result, strength }} />
        <RollbackButton job={job} />
        <ActionButton title={t('Open folder')} work={() => api.openFolder(id)} />
        {hasReport && (
          <a class="button" href={jobUrl(id, 'report')} download={`erase-${id}.html`}>
            {t('Download report')}
          </a>
        )}
        <SavePresetButton job={job} />
        <DeleteButton job={job} />
      </div>
    </section>
  );
}

function UseButton({ job, result, strength }: ResultProps) {
  const isResult = result.kind === 'checkpoint' && strength === 1;
  const model = isResult ? result : job.merged.find((one) => one.strength === strength);
  if (model?.isActive || (!isResult && !job.lora)) return null;
  return (
    <ActionButton
      isPrimary={result.kind === 'checkpoint'}
      title={
        strength === 1
          ? t('Use this model')
          : t('Use this model at strength {strength}', { strength: formatNumber(strength) })
      }
      work={() => useScrubbedModel(job, strength)}
    />
  );
}

interface MergedProps {
  readonly merged: JobView['merged'];
}

function InUseAtStrength({ merged }: MergedProps) {
  const used = merged.find(({ isActive }) => isActive);
  return used ? (
    <span class="state done">
      {t('In use at strength {strength}', { strength: formatNumber(used.strength) })}
    </span>
  ) : null;
}

/** The checkpoint at a strength: where it is, or that it is to be written. */
function MergedModel({ merged, strength }: MergedProps & { readonly strength: number }) {
  const model = merged.find((one) => one.strength === strength);
  if (!model) {
    return (
      <p class="help">
        {t(
          'To use it at strength {strength}, a checkpoint is written first, as large as the original.',
          { strength: formatNumber(strength) },
        )}
      </p>
    );
  }
  return (
    <>
      <CopyField
        what={t('Where the model at strength {strength} is', { strength: formatNumber(strength) })}
        text={model.path}
        button={t('Copy path')}
      />
      <p class="help">{told(model.remark)}</p>
    </>
  );
}

/** Somebody deleted the file, perhaps while the host had it in use. */
function MissingResult({ job }: { job: JobView }) {
  return (
    <section class="result" aria-label={t('The new model')}>
      <p>{t('The file of the new model is not there any more.')}</p>
      <div class="actions">
        <RollbackButton job={job} />
        <DeleteButton job={job} />
      </div>
    </section>
  );
}

function RollbackButton({ job }: { job: JobView }) {
  if (job.rollbackTo === null) return null;
  return (
    <ActionButton
      title={t('Roll back to {model}', { model: job.rollbackTo })}
      work={() => rollBackModel(job)}
    />
  );
}
