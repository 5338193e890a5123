import { expect, it } from 'vitest';

import { makeTinyJob, runTinyJob } from '../erase/tiny-job.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

/** The forget losses of two steps. */
async function forgetLosses(target: 'anchor' | 'original'): Promise<(number | null)[]> {
  const folder = makeTemporaryFolder();
  const events = await runTinyJob(await makeTinyJob(folder, { target, steps: 2 }), folder);
  return events.flatMap((event) => (event.event === 'progress' ? [event.forgetLoss] : []));
}

it("the original's predictions are those of the model that trains, until it has learnt", async () => {
  const present = await forgetLosses('anchor');
  const original = await forgetLosses('original');
  expect(present[0]).toBeGreaterThan(0);
  expect(original[0]).toBeCloseTo(present[0]!, 6);
  expect(Math.abs(original[1]! - present[1]!)).toBeGreaterThan(1e-6);
});
