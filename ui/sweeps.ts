import { signal } from '@preact/signals';

import type { SweepSummary, SweepView } from '../src/contract/sweep-view.ts';
import { ApiError } from './api-error.ts';
import { api } from './api.ts';
import { describeCounts, isUnderWay } from './languages/sweep-words.ts';
import { announcement, jobs, messageOf, route } from './state.ts';

/** Of an erasure that is refused there is no news. */
const LOOK_MS = 3000;
/** Of hundreds of jobs there is news all the time. */
const REST_MS = 1000;

/** All sweeps; null until they are known. */
export const sweeps = signal<readonly SweepSummary[] | null>(null);
/** The sweep that the page shows; null until it is known. */
export const openSweep = signal<SweepView | null>(null);
/** Why what was asked for cannot be shown. */
export const sweepError = signal<string | null>(null);

/** Keeps what the page shows of sweeps as it is, from now on. */
export function followSweeps(): void {
  route.subscribe((at) => {
    sweepError.value = null;
    if (at.view !== 'sweeps' || at.name !== openSweep.peek()?.name) openSweep.value = null;
    lookAgain();
  });
  // Whatever happens to a job changes it.
  let rest: ReturnType<typeof setTimeout> | null = null;
  jobs.subscribe(() => {
    rest ??= setTimeout(() => {
      rest = null;
      lookAgain();
    }, REST_MS);
  });
  setInterval(() => {
    const shown = openSweep.peek();
    if (shown && isUnderWay(shown.counts)) lookAgain();
  }, LOOK_MS);
}

/** Shows a sweep as an answer has it. */
export function showSweep(sweep: SweepView): void {
  const before = openSweep.peek();
  openSweep.value = sweep;
  const hasEnded = before?.name === sweep.name && isUnderWay(before.counts);
  if (hasEnded && !isUnderWay(sweep.counts)) {
    announcement.value = `${sweep.name}: ${describeCounts(sweep.counts)}`;
  }
}

/** One look after the other, so that the last one shown is the last one that was. */
let looking: Promise<void> | null = null;
let isMore = false;

function lookAgain(): void {
  if (route.peek().view !== 'sweeps' || document.hidden) return;
  if (looking) {
    isMore = true;
    return;
  }
  looking = look().finally(() => {
    looking = null;
    if (!isMore) return;
    isMore = false;
    lookAgain();
  });
}

async function look(): Promise<void> {
  const at = route.peek();
  if (at.view !== 'sweeps') return;
  const isStill = () => route.peek() === at;
  try {
    if (at.name === null) {
      sweeps.value = await api.sweeps();
    } else {
      const sweep = await api.sweep(at.name);
      if (isStill()) showSweep(sweep);
    }
    if (isStill()) sweepError.value = null;
  } catch (error) {
    // That the server does not answer is told elsewhere.
    const isAway = error instanceof ApiError && error.status === 0;
    if (isStill() && !isAway) sweepError.value = messageOf(error);
  }
}
