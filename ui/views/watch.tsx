import { useEffect } from 'preact/hooks';

import type { JobView, Phase } from '../../src/contract/job-views.ts';
import { formatDuration } from '../../src/format.ts';
import { formatBytes } from '../../src/format-bytes.ts';
import { defaultMethod, findMethod } from '../../src/methods/registry.ts';
import { announcement, type WatchedJob } from '../state.ts';
import { AgainButton, CancelButton, DeleteButton, ResumeButton } from './job-actions.tsx';
import { JobHeader } from './job-header.tsx';
import { Log } from './log.tsx';
import { TrainingPlots } from './plots.tsx';
import { SampleStrip } from './sample-strip.tsx';
import { Warnings } from './warnings.tsx';

const activeStates = ['queued', 'preparing', 'training', 'evaluating'];

/** The second moment: how it goes. */
export function Watch({ job, history }: WatchedJob) {
  const isActive = activeStates.includes(job.state);
  return (
    <article class="watch">
      <JobHeader job={job} title={isActive ? `Erasing ${job.concept}` : job.concept} />
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
  const position = steps > 0 ? ` at step ${step} of ${steps}` : '';
  const reasons: Readonly<Record<string, string>> = {
    failed: `It stopped${position}.`,
    cancelled: `It was cancelled${position}.`,
    interrupted: `It was interrupted${position}: the server or the machine went down.`,
  };
  return (
    <div class={state === 'failed' ? 'notice problem' : 'notice'} role="status">
      <p>
        <b>{reasons[state]}</b>
      </p>
      {error && state !== 'cancelled' && <p>{error.message}</p>}
      <p>
        {canResume
          ? 'Resume goes on from the state that was last saved.'
          : 'Nothing was written. Change what is wrong, and start again.'}
      </p>
    </div>
  );
}

const phases = [
  { name: 'Preparing', has: ['encode'] },
  { name: 'Drawing pictures', has: ['generate'] },
  { name: 'Training', has: ['train'] },
  { name: 'Changing the weights', has: ['edit'] },
  { name: 'Writing the model', has: ['save'] },
  { name: 'Comparing', has: ['evaluate'] },
] as const satisfies readonly { name: string; has: readonly Phase[] }[];

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
      announcement.value = `${25 * quarter} % of the training is done`;
  }, [quarter]);
  if (state === 'queued') {
    return (
      <div class="notice beside">
        <p role="status">
          <b>Waiting.</b>{' '}
          {queuePosition === null || queuePosition === 0
            ? 'It is next: one erasure trains at a time.'
            : `It begins after ${queuePosition === 1 ? 'one other' : `${queuePosition} others`}: one erasure trains at a time.`}
        </p>
        <CancelButton job={job} />
      </div>
    );
  }
  return (
    <section class="progress" aria-label="Progress">
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
    return (
      <span>
        picture <b>{drawing.done}</b> of {drawing.total}
      </span>
    );
  }
  if (steps > 0) {
    return (
      <span>
        step <b>{step}</b> of {steps}
      </span>
    );
  }
  if (editing === null) return null;
  return (
    <span>
      matrix <b>{editing.done}</b> of {editing.total}
    </span>
  );
}

/** What the last check of forgotten prompts saw. */
function Shown({ job: { judged } }: { job: JobView }) {
  const last = judged.at(-1);
  if (!last) return null;
  return (
    <span>
      still shown in <b>{last.shown}</b> of {last.pictures} pictures
    </span>
  );
}

function Pace({ job: { state, etaSeconds, secondsPerStep, memoryBytes } }: { job: JobView }) {
  return (
    <>
      {etaSeconds !== null && state !== 'evaluating' && (
        <span>
          <b>{formatDuration(etaSeconds)}</b> left
        </span>
      )}
      {secondsPerStep !== null && <span>{secondsPerStep.toFixed(2)} s a step</span>}
      {memoryBytes !== null && <span>{formatBytes(memoryBytes)} memory</span>}
    </>
  );
}

function ProgressBar({ job: { drawing, editing, step, steps } }: { job: JobView }) {
  if (drawing !== null) {
    return <progress value={drawing.done / drawing.total} aria-label="Pictures" />;
  }
  if (steps > 0) return <progress value={step / steps} aria-label="Training steps" />;
  return <progress value={editing ? editing.done / editing.total : 0} aria-label="Weights" />;
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
          {name}
        </li>
      ))}
    </ol>
  );
}
