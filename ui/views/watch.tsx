import { useEffect } from 'preact/hooks';

import type { JobState, JobView, Phase } from '../../src/contract/job-views.ts';
import { defaultMethod, findMethod } from '../../src/methods/registry.ts';
import { announcement, type WatchedJob } from '../state.ts';
import { AgainButton, CancelButton, DeleteButton, ResumeButton } from './job-actions.tsx';
import { JobHeader } from './job-header.tsx';
import { Log } from './log.tsx';
import { TrainingPlots } from './plots.tsx';
import { SampleStrip } from './sample-strip.tsx';
import { Warnings } from './warnings.tsx';
import { formatBytes, formatDistance, formatDuration, formatShare } from '../languages/format.ts';
import type { Text } from '../languages/language.ts';
import { rich, t } from '../languages/words.ts';
import { wordError } from '../languages/word-error.ts';

const activeStates = ['queued', 'preparing', 'training', 'evaluating'];

/** The second moment: how it goes. */
export function Watch({ job, history }: WatchedJob) {
  const isActive = activeStates.includes(job.state);
  return (
    <article class="watch">
      <JobHeader
        job={job}
        title={isActive ? t('Erasing {concept}', { concept: job.concept }) : job.concept}
      />
      {isActive ? <Progress job={job} /> : <Stopped job={job} />}
      <Warnings of={job.warnings} />
      {!isActive && (
        <div class="actions">
          {job.canResume && <ResumeButton job={job} />}
          <AgainButton job={job} />
          <DeleteButton job={job} />
        </div>
      )}
      <SampleStrip job={job} />
      {history.progress.length > 0 && (
        <TrainingPlots points={history.progress} method={job.settings?.method} />
      )}
      <Log lines={history.log} />
    </article>
  );
}

/** Why it does not go on, and what can be done. */
function Stopped({ job: { state, error, canResume, step, steps } }: { job: JobView }) {
  return (
    <div class={state === 'failed' ? 'notice problem' : 'notice'} role="status">
      <p>
        <b>{reasonOf({ state, step, steps })}</b>
      </p>
      {error && state !== 'cancelled' && <p>{wordError(error)}</p>}
      <p>
        {canResume
          ? t('Resume goes on from the state that was last saved.')
          : t('Nothing was written. Change what is wrong, and start again.')}
      </p>
    </div>
  );
}

function reasonOf({ state, step, steps }: Pick<JobView, 'state' | 'step' | 'steps'>): string {
  const texts = steps > 0 ? reasonsAtStep : reasons;
  const text = texts[state];
  return text === undefined ? '' : t(text, { step, steps });
}

const reasons: Readonly<Partial<Record<JobState, Text>>> = {
  failed: 'It stopped.',
  cancelled: 'It was cancelled.',
  interrupted: 'It was interrupted: the server or the machine went down.',
};
const reasonsAtStep: typeof reasons = {
  failed: 'It stopped at step {step} of {steps}.',
  cancelled: 'It was cancelled at step {step} of {steps}.',
  interrupted: 'It was interrupted at step {step} of {steps}: the server or the machine went down.',
};

const phases = [
  { name: 'Preparing', has: ['encode'] },
  { name: 'Drawing pictures', has: ['generate'] },
  { name: 'Training', has: ['train'] },
  { name: 'Changing the weights', has: ['edit'] },
  { name: 'Writing the model', has: ['save'] },
  { name: 'Comparing', has: ['evaluate'] },
] as const satisfies readonly { name: Text; has: readonly Phase[] }[];

/** Those that an erasure by its method goes through. */
function phasesOf({ settings }: JobView) {
  const { uses, pictures } = findMethod(settings?.method ?? defaultMethod);
  const without = new Set<string>([
    ...(pictures.length === 0 ? ['Drawing pictures'] : []),
    uses === 'weights' ? 'Training' : 'Changing the weights',
  ]);
  return phases.filter(({ name }) => !without.has(name));
}

function Progress({ job }: { job: JobView }) {
  const { state, step, steps, queuePosition } = job;
  const quarter = steps > 0 ? Math.floor((4 * step) / steps) : 0;
  useEffect(() => {
    if (quarter > 0 && quarter < 4)
      announcement.value = t('{share} of the training is done', {
        share: formatShare(quarter / 4),
      });
  }, [quarter]);
  if (state === 'queued') {
    return (
      <div class="notice beside">
        <p role="status">
          <b>{t('Waiting.')}</b>{' '}
          {queuePosition === null || queuePosition === 0
            ? t('It is next: one erasure trains at a time.')
            : t(
                'It begins after {count, plural, one {one other} other {# others}}: one erasure trains at a time.',
                { count: queuePosition },
              )}
        </p>
        <CancelButton job={job} />
      </div>
    );
  }
  return (
    <section class="progress" aria-label={t('Progress')}>
      <PhaseSteps job={job} />
      <ProgressBar job={job} />
      <div class="beside">
        <p class="facts">
          <Position job={job} />
          <Shown job={job} />
          <Pace job={job} />
        </p>
        <CancelButton job={job} />
      </div>
    </section>
  );
}

/** How far it is with what it counts. */
function Position({ job: { drawing, editing, step, steps } }: { job: JobView }) {
  if (drawing !== null) {
    return <span>{rich('picture <b>{done}</b> of {total}', { ...drawing })}</span>;
  }
  if (steps > 0) {
    return <span>{rich('step <b>{step}</b> of {steps}', { step, steps })}</span>;
  }
  if (editing === null) return null;
  return <span>{rich('matrix <b>{done}</b> of {total}', { ...editing })}</span>;
}

/** What the last check of forgotten prompts saw. */
function Shown({ job: { judged } }: { job: JobView }) {
  const last = judged.at(-1);
  if (!last) return null;
  return (
    <span>
      {rich('still shown in <b>{shown}</b> of {pictures} pictures', {
        shown: last.shown,
        pictures: last.pictures,
      })}
    </span>
  );
}

function Pace({ job: { state, etaSeconds, secondsPerStep, memoryBytes } }: { job: JobView }) {
  return (
    <>
      {etaSeconds !== null && state !== 'evaluating' && (
        <span>{rich('<b>{time}</b> left', { time: formatDuration(etaSeconds) })}</span>
      )}
      {secondsPerStep !== null && (
        <span>{t('{seconds} s a step', { seconds: formatDistance(secondsPerStep) })}</span>
      )}
      {memoryBytes !== null && (
        <span>{t('{memory} memory', { memory: formatBytes(memoryBytes) })}</span>
      )}
    </>
  );
}

function ProgressBar({ job: { drawing, editing, step, steps } }: { job: JobView }) {
  if (drawing !== null) {
    return <progress value={drawing.done / drawing.total} aria-label={t('Pictures')} />;
  }
  if (steps > 0) return <progress value={step / steps} aria-label={t('Training steps')} />;
  return <progress value={editing ? editing.done / editing.total : 0} aria-label={t('Weights')} />;
}

function PhaseSteps({ job }: { job: JobView }) {
  const { phase, state } = job;
  const phases = phasesOf(job);
  const current = phases.findIndex(({ has }) => has.some((name) => name === phase));
  const writing = phases.length - 2;
  const now = state === 'evaluating' ? Math.max(current, writing) : Math.max(current, 0);
  return (
    <ol class="phases">
      {phases.map(({ name }, i) => (
        <li
          key={name}
          class={i < now ? 'past' : undefined}
          aria-current={i === now ? 'step' : undefined}
        >
          {t(name)}
        </li>
      ))}
    </ol>
  );
}
