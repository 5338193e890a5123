import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import type { WantedSettings } from '../../src/methods/registry.ts';
import { writeReport } from '../../src/report/write-report.ts';
import { makeTinyJob, runTinyJob } from '../erase/tiny-job.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

const settings: WantedSettings = {
  ...{ method: 'esd', train: 'xattn-strict', steps: 3, batch: 2, samplingSteps: 3 },
};

describe('an erasure with ESD', () => {
  it('draws no pictures to train on, killed and resumed to the same bytes', async () => {
    const folder = makeTemporaryFolder();
    const job = await makeTinyJob(folder, settings);
    const killed = await runTinyJob(job, folder, [], ({ event }) => event === 'progress');
    const events = await runTinyJob(job, folder, killed);
    const other = makeTemporaryFolder();
    const whole = await makeTinyJob(other, settings);
    const told = await runTinyJob(whole, other);
    expect(readFileSync(whole.output).equals(readFileSync(job.output))).toBe(true);

    expect(told.flatMap((event) => (event.event === 'phase' ? event.phase : []))).toEqual([
      ...['encode', 'train', 'save'],
    ]);
    const steps = told.flatMap((event) => (event.event === 'progress' ? [event] : []));
    expect(steps.map(({ step }) => step)).toEqual([1, 2, 3]);
    for (const { forgetLoss, retainLoss, lambda } of steps) {
      expect(forgetLoss).toBeGreaterThan(0);
      expect([retainLoss, lambda]).toEqual([null, null]);
    }

    await writeReport(folder, job, events);
    const report = readFileSync(path.join(folder, 'report.html'), 'utf8');
    expect(report).toContain('Loss over the steps');
    expect(report).not.toContain('λ over the steps');
    expect(report).not.toContain('steered to</th>');
  });

  it('says that a training has left the range of numbers', async () => {
    const folder = makeTemporaryFolder();
    const job = await makeTinyJob(folder, { ...settings, learningRate: 3e38, samplingSteps: 1 });
    await expect(runTinyJob(job, folder)).rejects.toThrow(
      'smaller learning rate than 3e+38, with --lr',
    );
  });
});
