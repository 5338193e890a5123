import type { ComponentChildren } from 'preact';

import type { JobView } from '../../routes/contract.ts';
import { formatShare } from '../../src/format.ts';

type Evaluation = NonNullable<JobView['evaluation']>;

/** Below this lead of a forget prompt over its anchor the original hardly tells the two apart. */
const meaningfulMargin = 1e-4;

/** How much was erased and how much was kept, each number with what it means. */
export function Numbers({ evaluation, concept }: { evaluation: Evaluation; concept: string }) {
  const { forget, retain, unrelatedChange } = evaluation;
  const { fromGiven } = forget;
  return (
    <section class="numbers" aria-label="Measured">
      {fromGiven ? (
        <FromGiven fromGiven={fromGiven} unrelated={unrelatedChange} />
      ) : (
        <Measure
          role="forget"
          title={`Still shows ${concept}`}
          before={forget.before}
          after={forget.after}
        >
          Of {forget.pictures} pictures of forgotten prompts, how many the original still recognises
          as the concept. Lower is better.
          {forget.margin <= meaningfulMargin && (
            <strong>
              {' '}
              The original hardly tells these prompts from their anchors, so this number means
              little.
            </strong>
          )}
        </Measure>
      )}
      <Measure
        role="retain"
        title="Still shows what is kept"
        before={retain.before}
        after={retain.after}
      >
        Of {retain.pictures} pictures of kept prompts, how many are recognised as their own prompt.
        It should stay where it was.
      </Measure>
      <div class="measure retain">
        <h2>Change of what is kept</h2>
        <p class="figure">{retain.change.toFixed(2)}</p>
        {unrelatedChange !== null && (
          <progress aria-hidden="true" class="bar" max={unrelatedChange} value={retain.change} />
        )}
        <p class="help">
          How far a kept picture moved from the one that the original draws from the same noise: 0
          is not at all
          {unrelatedChange === null
            ? ', 1 is beyond recognition.'
            : `; two different pictures are ${unrelatedChange.toFixed(2)} apart.`}
        </p>
      </div>
    </section>
  );
}

interface FromGivenProps {
  readonly fromGiven: NonNullable<Evaluation['forget']['fromGiven']>;
  readonly unrelated: number | null;
}

/** For pictures that were to be forgotten themselves: whether they still come back. */
function FromGiven({ fromGiven: { before, after }, unrelated }: FromGivenProps) {
  return (
    <div class="measure forget">
      <h2>Distance to the given pictures</h2>
      <Change before={before.toFixed(2)} after={after.toFixed(2)} />
      {unrelated !== null && (
        <progress aria-hidden="true" class="bar" max={unrelated} value={after} />
      )}
      <p class="help">
        How far a picture of a forgotten prompt is from the most similar one that you gave: 0 is the
        same
        {unrelated === null
          ? '. Higher is better.'
          : `; two different pictures are ${unrelated.toFixed(2)} apart. Higher is better.`}
      </p>
    </div>
  );
}

function Change({ before, after }: { before: string; after: string }) {
  return (
    <p class="figure">
      <span class="was">
        <span class="unseen">before </span>
        {before}
      </span>
      <span class="arrow" aria-hidden="true">
        →
      </span>
      <span class="unseen">, after </span>
      <span>{after}</span>
    </p>
  );
}

interface MeasureProps {
  readonly role: 'forget' | 'retain';
  readonly title: string;
  readonly before: number;
  readonly after: number;
  readonly children: ComponentChildren;
}

function Measure({ role, title, before, after, children }: MeasureProps) {
  return (
    <div class={`measure ${role}`}>
      <h2>{title}</h2>
      <Change before={formatShare(before)} after={formatShare(after)} />
      <progress aria-hidden="true" class="bar was" value={before} />
      <progress aria-hidden="true" class="bar" value={after} />
      <p class="help">{children}</p>
    </div>
  );
}
