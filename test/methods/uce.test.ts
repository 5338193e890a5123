import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';

import { openSafetensors } from '../../src/checkpoint/safetensors-reader.ts';
import type { EraseEvent } from '../../src/erase/events.ts';
import { openCheckpoint } from '../../src/families/checkpoint.ts';
import { statePairs } from '../../src/methods/uce/token-states.ts';
import { defaultSettings, usualModel } from '../../src/methods/registry.ts';
import type { UceSettings } from '../../src/methods/uce/settings.ts';
import { writeReport } from '../../src/report/write-report.ts';
import { makeTinyJob, runTinyJob } from '../erase/tiny-job.ts';
import { tinySd } from '../helpers/forgetful-model.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { asStableDiffusion } from '../helpers/stable-diffusion.ts';

const named = (events: readonly EraseEvent[], name: EraseEvent['event']) =>
  events.filter(({ event }) => event === name);

describe('an erasure with UCE', () => {
  it('changes keys and values alone, killed half-way and resumed to the same bytes', async () => {
    const folder = makeTemporaryFolder();
    const job = await makeTinyJob(folder, { method: 'uce' });
    const killed = await runTinyJob(job, folder, [], ({ event }) => event === 'editing');
    expect(named(killed, 'editing').length).toBeLessThan(3);
    expect(() => readFileSync(job.output)).toThrow();

    const events = await runTinyJob(job, folder, killed);
    const result = readFileSync(job.output);
    const other = makeTemporaryFolder();
    const whole = await makeTinyJob(other, { method: 'uce' });
    const told = await runTinyJob(whole, other);
    expect(readFileSync(whole.output).equals(result)).toBe(true);

    expect(told.flatMap((event) => (event.event === 'phase' ? event.phase : []))).toEqual([
      ...['encode', 'edit', 'save'],
    ]);
    const last = named(told, 'editing').at(-1);
    expect(last).toMatchObject({ done: 32, total: 32, etaSeconds: 0 });
    expect(named(told, 'progress')).toEqual([]);

    const [before, after] = [await openSafetensors(tinySd), await openSafetensors(job.output)];
    onTestFinished(() => Promise.all([before.close(), after.close()]).then(() => undefined));
    for (const name of before.tensors.keys()) {
      const same = Buffer.from(await before.readTensor(name)).equals(await after.readTensor(name));
      expect(same, name).toBe(!/attn2\.to_[kv]\.weight$/.test(name));
    }

    await writeReport(folder, job, events);
    const report = readFileSync(path.join(folder, 'report.html'), 'utf8');
    expect(report).toContain('changed, without training, to forget');
    expect(report).toContain('How it was changed');
    expect(report).not.toMatch(/Loss over the steps|trained for|A step took/);
  });

  it('pairs the last tokens, and what is as far behind them', async () => {
    const checkpoint = await openCheckpoint(tinySd);
    onTestFinished(() => checkpoint.file.close());
    const long = Array.from({ length: 80 }, () => 'star').join(' ');
    const texts = ['a red star', 'a star in the style of Pontilla', '', long];
    const { prompts: encoded } = await checkpoint.condition.encode(texts, {
      ...{ device: 'cpu', threads: 1 },
    });
    const width = asStableDiffusion(checkpoint).architecture.unet.contextDim;
    const settings = defaultSettings({ method: 'uce', ...usualModel }) as UceSettings;
    const prompts = {
      forget: new Map([
        ['a star in the style of Pontilla', 'a red star'],
        [long, ''],
      ]),
      retain: ['a red star'],
      encoded,
    };
    const rowsOf = (text: string, from: number, to: number) =>
      encoded.get(text)!.context.subarray(from * width, to * width);
    // "a star in the style of pontilla" has more tokens than words.
    const rest = await statePairs(checkpoint, prompts, { settings, width });
    const [style, cut, kept] = rest;
    const last = 77 - style!.from.length / width;
    expect(style!.from).toEqual(rowsOf('a star in the style of Pontilla', last, 77));
    expect(style!.to).toEqual(rowsOf('a red star', 3, 3 + 77 - last));
    expect(last).toBeGreaterThan(6);
    // 80 tokens are two chunks: the last of them is the fifth of the second.
    expect(cut!.from).toEqual(rowsOf(long, 77 + 5, 154));
    expect(cut!.to).toEqual(rowsOf('', 0, 77 - 5));
    expect(kept).toEqual({ from: rowsOf('a red star', 3, 77), to: kept!.from, scale: 1 });

    const one = await statePairs(checkpoint, prompts, {
      ...{ settings: { ...settings, tokens: 'last', preserveScale: 0 }, width },
    });
    expect(one.map(({ from }) => from.length / width)).toEqual([1, 1]);
    expect(one[0]!.to).toEqual(rowsOf('a red star', 3, 4));
  });
});
