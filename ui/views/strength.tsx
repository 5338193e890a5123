import type { Signal } from '@preact/signals';

import type { JobView } from '../../src/contract/job-views.ts';
import { shownStrengths } from '../../src/strengths.ts';
import { type Pair, PairList, strengthPairs } from './before-after.tsx';
import { formatNumber } from '../languages/format.ts';
import { t } from '../languages/words.ts';

const [weakest, second] = shownStrengths;
const strongest = shownStrengths.at(-1) ?? 1;

/** How strongly a LoRA forgets: chosen here for the pictures below, for the model and for the tag. */
export function StrengthChoice({ job, strength }: { job: JobView; strength: Signal<number> }) {
  const pairs = strengthPairs(job).map((pair) => at(pair, strength.value));
  return (
    <section class="pairs strengths" aria-labelledby="strengths-title">
      <h2 id="strengths-title">{t('Strength')}</h2>
      <p class="help">
        {t(
          'How many times the change counts: at 0 the model is the original, at 1 what was trained.',
        )}
        {pairs.length === 0 && ` ${t('No pictures were drawn at other strengths.')}`}
      </p>
      <div class="strength">
        <label for="strength">{t('Strength of forgetting')}</label>
        <input
          id="strength"
          type="range"
          min={weakest}
          max={strongest}
          step={second - weakest}
          list="strengths"
          value={strength.value}
          aria-valuetext={describe(strength.value)}
          onInput={({ currentTarget }) => (strength.value = Number(currentTarget.value))}
        />
        <output for="strength">{describe(strength.value)}</output>
        <datalist id="strengths">
          {shownStrengths.map((value) => (
            <option key={value} value={value} label={formatNumber(value)} />
          ))}
        </datalist>
      </div>
      <PairList pairs={pairs} job={job} />
    </section>
  );
}

/** A pair whose other side is drawn at a strength. */
function at({ others, ...pair }: Pair & Required<Pick<Pair, 'others'>>, strength: number): Pair {
  const after =
    strength === 0 ? pair.before : (others.find((one) => one.strength === strength) ?? pair.after);
  return { ...pair, after, strength };
}

function describe(strength: number): string {
  if (strength === 0) return t('0: the original');
  if (strength === 1) return t('1: as it was trained');
  const number = formatNumber(strength);
  return strength < 1
    ? t('{number}: more weakly than it was trained', { number })
    : t('{number}: more strongly than it was trained', { number });
}
