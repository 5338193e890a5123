import { expect, it } from 'vitest';

import type { EraseDiffSettings } from '../../src/methods/erasediff/settings.ts';
import { makeTinyJob, runTinyJob } from '../erase/tiny-job.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

/** The forget losses of two steps. */
async function forgetLosses(target: EraseDiffSettings['target']): Promise<number[]> {
  const folder = makeTemporaryFolder();
  const events = await runTinyJob(await makeTinyJob(folder, { target, steps: 2 }), folder);
  return events.flatMap((event) => (event.event === 'progress' ? [event.forgetLoss ?? NaN] : []));
}

it("the original's predictions are those of the model that trains, until it has learnt", async () => {
  const present = await forgetLosses({ kind: 'anchor' });
  const original = await forgetLosses({ kind: 'original', overshoot: 0 });
  expect(present[0]).toBeGreaterThan(0);
  expect(original[0]).toBeCloseTo(present[0]!, 6);
  expect(Math.abs(original[1]! - present[1]!)).toBeGreaterThan(1e-6);
});

it('negative guidance puts the target so many times as far from what is predicted', async () => {
  const [anchored] = await forgetLosses({ kind: 'original', overshoot: 0 });
  const [pushed] = await forgetLosses({ kind: 'original', overshoot: 1.5 });
  // Before the first step: |ε(c) − ε(a) − η(ε(a) − ε(c))|² = (1 + η)²·|ε(c) − ε(a)|².
  expect(pushed! / anchored!).toBeCloseTo(2.5 ** 2, 3);
});
