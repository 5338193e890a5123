import { createElement } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

import type { JobView, SampleView } from '../../src/contract/job-views.ts';
import { jobUrl } from '../api.ts';
import { resultOf } from '../../src/evaluation/worst-first.ts';
import { describeResult } from '../languages/figure-words.ts';
import { formatNumber, formatShare } from '../languages/format.ts';
import { t } from '../languages/words.ts';

/** What two models draw of the same prompt from the same noise. */
export interface Pair {
  readonly prompt: string;
  readonly role: SampleView['role'];
  readonly before: SampleView;
  readonly after: SampleView;
  /** At which strength of the change the second was drawn, where that is chosen. */
  readonly strength?: number;
  /** The same at other strengths of the change. */
  readonly others?: readonly SampleView[];
}

/** What both models draw from the same noise, one over the other. */
export function BeforeAfter({ job }: { job: JobView }) {
  // Shown where their strength is chosen.
  const isChosen = new Set(strengthPairs(job).map(({ before }) => before.file));
  const pairs = pairsOf(job).filter(({ before }) => !isChosen.has(before.file));
  const isOfHost = pairs.some(({ before }) => before.drawnBy === 'host');
  const groups = [
    { role: 'forget', title: t('Forgotten') },
    { role: 'retain', title: t('Kept') },
  ] as const;
  return groups.map(({ role, title }) => {
    const ofRole = pairs.filter((pair) => pair.role === role);
    if (ofRole.length === 0) return null;
    return (
      <section key={role} class={`pairs ${role}`} aria-labelledby={`pairs-${role}`}>
        <h2 id={`pairs-${role}`}>{title}</h2>
        {isOfHost && (
          <p class="help">
            {t(
              'Drawn by the web UI with both models; the figures are of pictures that this program drew.',
            )}
          </p>
        )}
        <PairList pairs={ofRole} job={job} />
      </section>
    );
  });
}

/** Each pair as one picture over the other. */
export function PairList({ pairs, job }: { pairs: readonly Pair[]; job: JobView }) {
  return (
    <ul>
      {pairs.map((pair) => (
        <li key={pair.before.file}>
          <ComparedPair pair={pair} job={job} />
        </li>
      ))}
    </ul>
  );
}

function ComparedPair({
  pair: { prompt, role, before, after, strength },
  job,
}: {
  pair: Pair;
  job: JobView;
}) {
  const label =
    strength === undefined
      ? t('after')
      : t('at strength {strength}', { strength: formatNumber(strength) });
  const judged = job.evaluation?.prompts.find((one) => one.role === role && one.prompt === prompt);
  const result = judged && resultOf(judged);
  return (
    <figure class="pair">
      <Slider
        {...{ prompt, label }}
        before={sampleUrl(job.id, before)}
        after={sampleUrl(job.id, after)}
      />
      <figcaption>
        {prompt}
        {result && (strength ?? 1) === 1 && <small>{describeResult(result)}</small>}
      </figcaption>
    </figure>
  );
}

/** The library's element; to the keyboard and to screen readers it is a slider. */
function Slider({
  prompt,
  label,
  before,
  after,
}: Record<'prompt' | 'label' | 'before' | 'after', string>) {
  const element = useRef<HTMLElement & { value: number }>(null);
  useEffect(() => {
    const slider = element.current;
    if (slider === null) return undefined;
    const tell = () => {
      const share = Math.round(slider.value);
      slider.setAttribute('aria-valuenow', String(share));
      const shares = {
        before: formatShare(share / 100),
        after: formatShare(1 - share / 100),
        label,
      };
      slider.setAttribute('aria-valuetext', t('{before} before, {after} {label}', shares));
    };
    tell();
    slider.addEventListener('slide', tell);
    return () => {
      slider.removeEventListener('slide', tell);
    };
  }, [label]);
  return (
    <div class="slider">
      {createElement(
        'img-comparison-slider',
        {
          ref: element,
          role: 'slider',
          tabIndex: 0,
          'aria-label': t('Before and {label}: {prompt}', { label, prompt }),
          'aria-valuemin': 0,
          'aria-valuemax': 100,
          'aria-valuenow': 50,
        },
        <img slot="first" src={before} alt={t('{prompt}, before', { prompt })} />,
        <img slot="second" src={after} alt={`${prompt}, ${label}`} />,
      )}
      <span class="tag left" aria-hidden="true">
        {t('before')}
      </span>
      <span class="tag right" aria-hidden="true">
        {label}
      </span>
    </div>
  );
}

const sampleUrl = (id: string, { file }: SampleView) =>
  jobUrl(id, `samples/${encodeURIComponent(file)}`);

/**
 * Of the pictures of the web UI, or else of those that were judged, where there are any: previews are
 * drawn in fewer steps.
 */
function pairsOf({ samples: all, evaluation, settings }: JobView): Pair[] {
  const samples = all.filter(({ strength }) => strength === null);
  const ofHost = pairsAmong(samples.filter(({ drawnBy }) => drawnBy === 'host'));
  if (ofHost.length > 0) return ofHost;
  const isPreview = ({ seed }: SampleView) => seed === settings?.seed;
  const ofSidecar = samples.filter(({ drawnBy }) => drawnBy === 'sidecar');
  return pairsAmong(ofSidecar.filter((sample) => !(evaluation && isPreview(sample))));
}

/** Pairs that were drawn at other strengths too. */
export function strengthPairs({ samples }: JobView) {
  const drawnHere = samples.filter(({ drawnBy }) => drawnBy === 'sidecar');
  const atOthers = drawnHere.filter(({ strength }) => strength !== null);
  return pairsAmong(drawnHere.filter(({ strength }) => strength === null)).flatMap((pair) => {
    const others = atOthers.filter(
      ({ role, prompt, seed }) =>
        role === pair.role && prompt === pair.prompt && seed === pair.before.seed,
    );
    return others.length > 0 ? [{ ...pair, others }] : [];
  });
}

function pairsAmong(samples: readonly SampleView[]): Pair[] {
  return samples
    .filter(({ which }) => which === 'before')
    .flatMap((before) => {
      const after = samples.find(
        ({ which, role, prompt, seed }) =>
          which === 'after' &&
          role === before.role &&
          prompt === before.prompt &&
          seed === before.seed,
      );
      return after ? [{ prompt: before.prompt, role: before.role, before, after }] : [];
    });
}
