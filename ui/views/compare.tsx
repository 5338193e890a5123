import type { JobView } from '../../src/contract/job-views.ts';
import { formatDuration } from '../../src/format.ts';
import { formatBytes } from '../../src/format-bytes.ts';
import { api, jobUrl } from '../api.ts';
import { rollBackModel, useScrubbedModel } from '../host-page.ts';
import type { WatchedJob } from '../state.ts';
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

/** The third moment: what came of it, and what to do with it. */
export function Compare({ job, history }: WatchedJob) {
  return (
    <article class="compare">
      <JobHeader job={job} title={`Without ${job.concept}`} />
      {job.result ? <Result job={job} result={job.result} /> : <MissingResult job={job} />}
      {job.lora && <LoraResult job={job} lora={job.lora} />}
      {job.evaluation && <Numbers evaluation={job.evaluation} />}
      <BeforeAfter job={job} />
      <details class="how">
        <summary>How it trained</summary>
        <TrainingPlots points={history.progress} method={job.settings?.method} />
        <SampleStrip job={job} />
        <Log lines={history.log} />
      </details>
    </article>
  );
}

function Result({ job, result }: { job: JobView; result: NonNullable<JobView['result']> }) {
  const { id, hasReport, seconds } = job;
  return (
    <section class="result" aria-label="The new model">
      <p class="facts">
        <span>
          <b>{result.model}</b>
        </span>
        <span>{formatBytes(result.bytes)}</span>
        {seconds !== null && <span>made in {formatDuration(seconds)}</span>}
        {result.isActive && <span class="state done">In use</span>}
      </p>
      {result.kind === 'checkpoint' && (
        <CopyField what="Where the model is" text={result.path} button="Copy path" />
      )}
      <div class="actions">
        {result.kind === 'checkpoint' && !result.isActive && (
          <ActionButton isPrimary title="Use this model" work={() => useScrubbedModel(job)} />
        )}
        <RollbackButton job={job} />
        <ActionButton title="Open folder" work={() => api.openFolder(id)} />
        {hasReport && (
          <a class="button" href={jobUrl(id, 'report')} download={`erase-${id}.html`}>
            Download report
          </a>
        )}
        <SavePresetButton job={job} />
        <DeleteButton job={job} />
      </div>
    </section>
  );
}

/** Somebody deleted the file, perhaps while the host had it in use. */
function MissingResult({ job }: { job: JobView }) {
  return (
    <section class="result" aria-label="The new model">
      <p>The file of the new model is not there any more.</p>
      <div class="actions">
        <RollbackButton job={job} />
        <DeleteButton job={job} />
      </div>
    </section>
  );
}

function RollbackButton({ job }: { job: JobView }) {
  if (job.rollbackTo === null) return null;
  return <ActionButton title={`Roll back to ${job.rollbackTo}`} work={() => rollBackModel(job)} />;
}
