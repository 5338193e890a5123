import { type Signal, useSignal } from '@preact/signals';

import { attackDefaults } from '../../src/attacks/attack-defaults.ts';
import type { JobAttack } from '../../src/contract/attack-view.ts';
import type { JobView } from '../../src/contract/job-views.ts';
import type { Manifest } from '../../src/contract/manifest.ts';
import { api } from '../api.ts';
import { manifest } from '../state.ts';
import { ActionButton } from './job-actions.tsx';
import { describePoint } from '../languages/figure-words.ts';
import { formatNumber } from '../languages/format.ts';
import { told } from '../languages/told.ts';
import { t } from '../languages/words.ts';

type Kind = Manifest['attacks'][number];
type Curve = NonNullable<JobAttack['result']>['curves'][number];

/** Whether what was forgotten comes back another way: tried on demand, and never a promise. */
export function Attacks({ job }: { job: JobView }) {
  // Without given pictures there is nothing to get back.
  const kinds = (manifest.value?.attacks ?? []).filter(
    ({ needs }) => needs !== 'given' || job.forgetImages > 0,
  );
  const how = useSignal<How>({});
  if (kinds.length === 0) return null;
  return (
    <section class="attacks" aria-labelledby="attacks">
      <h2 id="attacks">{t('Does it come back another way?')}</h2>
      <p class="help">
        {t(
          'Each attack tries to bring it back, beside the original. Only what was tried is told: it is no promise of safety. On a processor it may take as long as the erasure.',
        )}
      </p>
      <div class="attack-how">
        <HowField name="steps" title={t('Steps of learning')} how={how} />
        <HowField name="count" title={t('Pictures of each point')} how={how} />
      </div>
      {kinds.map((kind) => (
        <AttackOfKind
          key={kind.id}
          kind={kind}
          job={job}
          how={how}
          attack={job.attacks.find((one) => one.kind === kind.id)}
        />
      ))}
    </section>
  );
}

/** Where the person has it otherwise than by default. */
interface How {
  readonly steps?: number;
  readonly count?: number;
}

function HowField({ name, title, how }: { name: keyof How; title: string; how: Signal<How> }) {
  const id = `attack-${name}`;
  return (
    <div class="field">
      <label for={id}>{title}</label>
      <input
        id={id}
        type="number"
        min={1}
        placeholder={String(attackDefaults[name])}
        value={how.value[name] ?? ''}
        onInput={({ currentTarget: { value, valueAsNumber } }) => {
          const { [name]: _before, ...others } = how.value;
          const isEmpty = value === '' || Number.isNaN(valueAsNumber);
          how.value = isEmpty ? others : { ...others, [name]: valueAsNumber };
        }}
      />
    </div>
  );
}

function AttackOfKind({
  kind: { id, title: english, help, limits, axis },
  attack,
  job,
  how,
}: {
  kind: Kind;
  how: Signal<How>;
  attack: JobAttack | undefined;
  job: JobView;
}) {
  const title = told(english);
  const isOpen = attack?.state === 'queued' || attack?.state === 'running';
  return (
    <section aria-label={title}>
      <h3>{title}</h3>
      <p class="help">{told(help)}</p>
      {isOpen && <AttackProgress attack={attack} title={title} />}
      {attack && <Outcome attack={attack} axis={told(axis)} limits={told(limits)} />}
      {isOpen ? (
        <ActionButton title={t('Cancel the attacks')} work={() => api.cancelAttacks(job.id)} />
      ) : (
        <ActionButton
          title={attack ? t('Try again: {title}', { title }) : t('Try: {title}', { title })}
          work={() => api.attackJob(job.id, [id], how.value)}
        />
      )}
    </section>
  );
}

/** What came of it, or why nothing did. */
function Outcome({
  attack: { state, error, result },
  axis,
  limits,
}: {
  attack: JobAttack;
  axis: string;
  limits: string;
}) {
  if (state === 'failed') return <p class="problem">{told(error ?? '')}</p>;
  if (state === 'cancelled') return <p class="help">{t('It was cancelled.')}</p>;
  return result && <Result result={result} axis={axis} limits={limits} />;
}

function AttackProgress({ attack, title }: { attack: JobAttack; title: string }) {
  const { state, done, total } = attack;
  if (state === 'queued' || total === 0) {
    return <p class="help">{state === 'queued' ? t('It waits for its turn.') : t('It begins.')}</p>;
  }
  return <progress aria-label={t('How far: {title}', { title })} max={total} value={done} />;
}

function Result({
  result: { curves, asked, caution },
  axis,
  limits,
}: {
  result: NonNullable<JobAttack['result']>;
  axis: string;
  limits: string;
}) {
  const places = [...new Set(curves.flatMap(({ points }) => points.map(({ at }) => at)))];
  return (
    <>
      <CurveChart
        curves={curves}
        title={t('How often it came back, by {axis}', { axis: axis.toLowerCase() })}
      />
      <div class="scroll" role="region" aria-label={t('Figures of the attack')} tabIndex={0}>
        <table class="rows">
          <thead>
            <tr>
              <th scope="col">{axis}</th>
              {places.map((place) => (
                <th key={place} scope="col">
                  {labelOf(curves, place)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {curves.map(({ id, title, points }) => (
              <tr key={id}>
                <th scope="row">{told(title)}</th>
                {places.map((place) => (
                  <td key={place}>{describePoint(points.find(({ at }) => at === place))}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {curves.map(({ id, title, points }) => {
        const found = points.at(-1)?.found;
        return (
          found !== undefined && (
            <p key={id}>{t('{model}: “{prompt}”', { model: told(title), prompt: found })}</p>
          )
        );
      })}
      <p class="help">
        {t('Without an attack: the original {before}, the new model {after}.', {
          before: describePoint(asked.original),
          after: describePoint(asked.scrubbed),
        })}{' '}
        {limits}
        {caution !== null && <strong> {told(caution)}</strong>}
      </p>
    </>
  );
}

function labelOf(curves: readonly Curve[], place: number): string {
  const named = curves.flatMap(({ points }) => points).find(({ at }) => at === place);
  return told(named?.label ?? formatNumber(place));
}

const [width, height, margin] = [320, 120, 8];
const colours = ['forget', 'retain', 'lambda'] as const;

/** Shares over the attack's axis, a line for each curve; the table has the figures. */
function CurveChart({ curves, title }: { curves: readonly Curve[]; title: string }) {
  const last = Math.max(1, ...curves.flatMap(({ points }) => points.map(({ at }) => at)));
  const x = (at: number) => margin + (at / last) * (width - 2 * margin);
  const y = (share: number) => height - margin - share * (height - 2 * margin);
  return (
    <figure class="curves">
      <svg viewBox={`0 0 ${width} ${height}`} role="img" aria-label={title}>
        <path
          class="grid"
          d={`M${margin} ${y(0)}H${width - margin}M${margin} ${y(1)}H${width - margin}`}
        />
        {curves.map(({ id, points }, i) => (
          <g key={id} class={colours[i % colours.length]}>
            <polyline
              points={points
                .map(({ at, shown, pictures }) => `${x(at)},${y(shown / pictures)}`)
                .join(' ')}
            />
            {points.map(({ at, shown, pictures }) => (
              <circle key={at} cx={x(at)} cy={y(shown / pictures)} r="3" />
            ))}
          </g>
        ))}
      </svg>
      <figcaption>
        {curves.map(({ id, title: name }, i) => (
          <span key={id} class={`key ${colours[i % colours.length] ?? ''}`}>
            {told(name)}{' '}
          </span>
        ))}
      </figcaption>
    </figure>
  );
}
