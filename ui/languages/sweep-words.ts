import type { SweepState, SweepSummary } from '../../src/contract/sweep-view.ts';
import { stateName } from './job-words.ts';
import { t } from './words.ts';

type Counts = SweepSummary['counts'];

/** How many erasures it has. */
export const countAll = (counts: Counts) =>
  Object.values(counts).reduce((sum, count) => sum + count, 0);

/** How many wait or are worked on. */
const countUnderWay = ({ queued, preparing, training, evaluating }: Counts) =>
  queued + preparing + training + evaluating;

export const isUnderWay = (counts: Counts) => countUnderWay(counts) > 0;

/** How many there are that can go on. */
export const countOpen = ({ open, failed, cancelled, interrupted }: Counts) =>
  open + failed + cancelled + interrupted;

/** What became of its erasures: `3 of 8 done, 4 under way, 1 failed`. */
export function describeCounts(counts: Counts): string {
  const underWay = countUnderWay(counts);
  const stopped = counts.cancelled + counts.interrupted;
  return [
    t('{done} of {all} done', { done: counts.done, all: countAll(counts) }),
    ...(underWay > 0 ? [t('{count} under way', { count: underWay })] : []),
    ...(counts.failed > 0 ? [t('{count} failed', { count: counts.failed })] : []),
    ...(stopped > 0 ? [t('{count} cancelled', { count: stopped })] : []),
  ].join(', ');
}

/** What the state of an erasure is called. */
export const sweepStateName = (state: SweepState) =>
  state === 'open' ? t('Not started') : stateName({ state, steps: 1 });
