import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

import { writeTensorFile } from '../../src/checkpoint/tensor-file.ts';
import { PROVENANCE_KEY } from '../../src/checkpoint/provenance.ts';
import { stepsOfResult } from '../../src/erase/result.ts';
import { upgradeJob } from '../../src/erase/stored-job.ts';
import type { EraseEvent } from '../../src/erase/events.ts';
import { readDraft } from '../../src/jobs/request/job-draft.ts';
import { folderOfJob, type JobFolder, openJobFolder } from '../../src/jobs/local/job-folder.ts';
import { settingsSchema } from '../../src/methods/registry.ts';
import { describeSettings } from '../../src/report/describe-settings.ts';
import { runTinyJob } from '../erase/tiny-job.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

// `stored/` holds two jobs as version 0.1.0 wrote them when settings were one flat object (commit
// fbdcccc): one of EraseDiff that was cancelled after two of four steps, one of SISS that was done.

const stored = path.resolve('test/methods/stored');
const picture = path.resolve('presets/tiny-sd/images/forget-pontilla/000.png');

/** A stored job's folder, as if it had been made on this machine. */
async function storedJob(name: 'gap' | 'siss'): Promise<JobFolder> {
  const data = makeTemporaryFolder();
  const given = path.join(data, 'given');
  mkdirSync(given);
  copyFileSync(picture, path.join(given, '000.png'));
  writeFileSync(path.join(given, '000.txt'), 'a lost picture');
  const folder = path.join(data, 'jobs', name);
  mkdirSync(path.join(folder, 'samples'), { recursive: true });
  for (const file of readdirSync(path.join(stored, name))) {
    const text = readFileSync(path.join(stored, name, file), 'utf8')
      .replace('MODEL', path.resolve('presets/tiny-sd/tiny-sd.safetensors'))
      .replace('OUTPUT', path.join(data, 'result.safetensors'))
      .replace('GIVEN', given);
    writeFileSync(path.join(folder, file), text);
  }
  return openJobFolder(folderOfJob(data, name));
}

const figuresOf = (events: readonly EraseEvent[]) =>
  events.flatMap((event) =>
    event.event === 'progress'
      ? [
          [event.retainLoss, event.forgetLoss, event.lambda],
          [event.gap ?? 0, event.retainGradientNorm, event.forgetGradientNorm],
        ].flat()
      : [],
  );

describe('a job of version 1', () => {
  it.each(['gap', 'siss'] as const)('runs as it did then: %s', async (name) => {
    const folder = await storedJob(name);
    const then = figuresOf(await folder.readEvents());
    const job = { ...folder.job, settings: { ...folder.job.settings, steps: 2 } };
    const now = figuresOf(await runTinyJob(job, folder.path));
    expect(now).toHaveLength(12);
    // Another processor adds up in another order.
    for (const [i, figure] of now.entries()) {
      expect(Math.abs(figure! - then[i]!), `figure ${i}`).toBeLessThan(
        1e-6 + 2e-3 * Math.abs(then[i]!),
      );
    }
  });

  it('has the settings of its method alone, the inner loop with the rule that reads it', async () => {
    const { settings: gap } = (await storedJob('gap')).job;
    expect(gap).toMatchObject({
      method: 'erasediff',
      rule: { kind: 'projection', budget: 'gap', innerSteps: 2, innerLearningRate: 0.3 },
    });
    const { settings: siss } = (await storedJob('siss')).job;
    expect(siss).toMatchObject({ method: 'siss', mixture: 0.4, forgetNorm: 300 });
    for (const [settings, foreign] of [
      [gap, ['mixture', 'forgetNorm', 'firstTimestep', 'innerSteps', 'innerOptimizer']],
      [siss, ['rule', 'target', 'generatedForget', 'innerSteps', 'innerLearningRate']],
    ] as const) {
      expect(Object.keys(settings).filter((key) => foreign.some((odd) => odd === key))).toEqual([]);
      expect(describeSettings(settings).length).toBeGreaterThan(10);
    }
  });

  it('had a request, whose draft is read too', async () => {
    for (const name of ['gap', 'siss'] as const) {
      const folder = await storedJob(name);
      expect((await readDraft(folder.path))?.settings).toEqual(folder.job.settings);
    }
  });

  it('knows its result by the entry that was written then', async () => {
    for (const name of ['gap', 'siss'] as const) {
      const { job, path: folder } = await storedJob(name);
      const { settings, ...flat } = version1(folder);
      const { method, sampleEvery: _1, evaluationPictures: _2, saveEvery: _3, ...own } = settings;
      const foreign =
        method === 'siss'
          ? [
              'innerSteps',
              'innerLearningRate',
              'innerOptimizer',
              'rule',
              'target',
              'generatedForget',
            ]
          : ['mixture', 'forgetNorm', 'firstTimestep'];
      const kept = Object.entries(own).filter(([key]) => !foreign.includes(key));
      const entry = {
        ...{ version: flat.appVersion, method, forget: job.forget, retain: job.retain, steps: 2 },
        ...{ seed: settings.seed, settings: Object.fromEntries(kept) },
        originalSha256: job.model.sha256,
      };
      await writeTensorFile(job.output, [], { [PROVENANCE_KEY]: JSON.stringify(entry) });
      expect(await stepsOfResult(job)).toBe(2);
      const other = { ...entry, settings: { ...entry.settings, learningRate: 7 } };
      await writeTensorFile(job.output, [], { [PROVENANCE_KEY]: JSON.stringify(other) });
      expect(await stepsOfResult(job)).toBeNull();
    }
  });

  it.each([
    [
      'a rule that reads no inner loop',
      { kind: 'cosine', eta: 0.1 },
      1,
      { kind: 'cosine', eta: 0.1 },
    ],
    [
      'a budget whose gap was 0 for ever',
      { kind: 'projection', eta: 0.5, budget: 'gap' },
      0,
      { kind: 'projection', eta: Number.MIN_VALUE, budget: 'norm' },
    ],
  ])('keeps its meaning with %s', async (_, rule, innerSteps, expected) => {
    const { path: folder } = await storedJob('gap');
    const old = version1(folder);
    const upgraded = upgradeJob({ ...old, settings: { ...old.settings, rule, innerSteps } });
    const { settings } = upgraded as { settings: unknown };
    expect(settingsSchema.parse(settings)).toMatchObject({ rule: expected });
    expect(settings).not.toHaveProperty('innerSteps');
  });
});

/** The job as it lies on the disk. */
function version1(folder: string): { settings: Record<string, unknown>; appVersion: string } {
  return parse(readFileSync(path.join(folder, 'job.yaml'), 'utf8')) as never;
}
