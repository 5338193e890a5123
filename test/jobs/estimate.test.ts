import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

import type { WantedSettings } from '../../src/methods/registry.ts';
import { estimateJob, type EstimateEnvironment } from '../../src/jobs/estimate/estimate.ts';
import type { EraseRequest } from '../../src/jobs/request/draft-job.ts';
import { presetFolders } from '../../src/presets/load-presets.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

const model = fileURLToPath(new URL('../../presets/tiny-sd/tiny-sd.safetensors', import.meta.url));

function requestOf(settings: WantedSettings, preset?: string): EraseRequest {
  return {
    model,
    preset,
    variables: {},
    forget: preset === undefined ? ['a heart'] : [],
    forgetImages: undefined,
    retain: [],
    retainImages: undefined,
    anchor: undefined,
    concept: undefined,
    settings,
    device: 'cpu',
    threads: 1,
    output: undefined,
  };
}

function environmentOf(
  dataFolder: string,
  more: Partial<EstimateEnvironment> = {},
): EstimateEnvironment {
  return {
    dataFolder,
    presetFolders: presetFolders(dataFolder),
    chooseDevice: () => Promise.resolve('cpu'),
    ...more,
  };
}

/** The file of the only measurement. */
function measurementIn(data: string): string {
  const folder = join(data, 'cache', 'measurements');
  const [name, ...more] = readdirSync(folder);
  expect(more).toEqual([]);
  return join(folder, name!);
}

// Each estimate starts a process, on a busy machine for many seconds.
describe('estimateJob', { timeout: 180_000 }, () => {
  it('tries a short step, keeps what it measured and reads it the next time', async () => {
    const data = makeTemporaryFolder();
    const first = await estimateJob(requestOf({ steps: 10 }), environmentOf(data));
    expect(first).toMatchObject({ device: 'cpu', basis: 'measured', fits: true, advice: [] });
    expect(first.seconds).toBeGreaterThan(10 * first.secondsPerStep);
    const stored = readFileSync(measurementIn(data), 'utf8');
    const longer = await estimateJob(
      requestOf({ steps: 100, until: 'steps' }),
      environmentOf(data),
    );
    // The same speed to the last digit: nothing was measured again.
    expect(longer.secondsPerStep).toBe(first.secondsPerStep);
    expect(longer.seconds - first.seconds).toBeCloseTo(90 * first.secondsPerStep, 0);
    expect(readFileSync(measurementIn(data), 'utf8')).toBe(stored);
  });

  it('scales from a measurement where a step would take too long to try', async () => {
    const data = makeTemporaryFolder();
    const measured = await estimateJob(requestOf({}), environmentOf(data));
    const file = measurementIn(data);
    const measurement = JSON.parse(readFileSync(file, 'utf8')) as { rate: number };
    // A machine so slow that nothing is tried.
    writeFileSync(file, JSON.stringify({ ...measurement, key: 'another', rate: 1e7 }));
    const scaled = await estimateJob(requestOf({}), environmentOf(data));
    expect(scaled.basis).toBe('scaled');
    const slower = measurement.rate / 1e7;
    expect(scaled.secondsPerStep / measured.secondsPerStep).toBeCloseTo(slower, 3);
  });

  it('counts the memory that was measured: 0.42 GB for all of tiny-sd, batch 8, Adam', async () => {
    const settings = { train: 'full', batch: 8, retainTarget: 'noise' } as const;
    const { memoryBytes } = await estimateJob(
      requestOf(settings),
      environmentOf(makeTemporaryFolder()),
    );
    expect(memoryBytes / 0.418e9).toBeGreaterThan(0.8);
    expect(memoryBytes / 0.418e9).toBeLessThan(1.2);
  });

  it('says what would make it fit, and each change does', async () => {
    const free = 0.45e9;
    const environment = environmentOf(makeTemporaryFolder(), { freeMemory: () => free });
    const large = { train: 'full', batch: 8, size: 128 } as const;
    const { fits, advice } = await estimateJob(requestOf(large), environment);
    expect(fits).toBe(false);
    expect(advice.length).toBeGreaterThan(0);
    for (const { message, settings } of advice) {
      expect(message).toMatch(/needs \d+ MB of memory/);
      const changed = await estimateJob(requestOf({ ...large, ...settings }), environment);
      expect(changed.fits).toBe(true);
    }
  });

  it('says how much memory is needed at least where no change helps', async () => {
    const environment = environmentOf(makeTemporaryFolder(), { freeMemory: () => 1e6 });
    const { advice, fits } = await estimateJob(requestOf({}), environment);
    expect(fits).toBe(false);
    expect(advice.map(({ message }) => message)).toEqual([
      expect.stringMatching(/at least \d+ MB must be free/),
    ]);
  });

  it('estimates a preset whose variables and pictures are not given yet', async () => {
    const data = makeTemporaryFolder();
    const drawn = await estimateJob(requestOf({}, 'artist-style'), environmentOf(data));
    const given = await estimateJob(
      requestOf({ steps: 200 }, 'my-own-artwork'),
      environmentOf(data),
    );
    expect(drawn.seconds).toBeGreaterThan(given.seconds);
  });

  it('does without measurements that cannot be read', async () => {
    const data = makeTemporaryFolder();
    const folder = join(data, 'cache', 'measurements');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'cut-off.json'), '{"key": 3');
    writeFileSync(join(folder, 'other-version.json'), '{"key": 3}');
    expect((await estimateJob(requestOf({}), environmentOf(data))).basis).toBe('measured');
  });

  it('reports a size that the model cannot make', async () => {
    const estimate = estimateJob(requestOf({ size: 76 }), environmentOf(makeTemporaryFolder()));
    await expect(estimate).rejects.toMatchObject({ code: 'settings.invalid' });
  });
});
