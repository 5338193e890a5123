import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';

import { hashCheckpoint } from '../../src/families/checkpoint-hash.ts';
import type { EraseEvent, SampleEvent } from '../../src/erase/events.ts';
import { stepsOfResult } from '../../src/erase/result.ts';
import { spread } from '../../src/erase/spread.ts';
import { encodePng } from '../../src/images/png.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { makeTinyJob, runTinyJob } from '../erase/tiny-job.ts';

/** Several seconds on two idle cores. */
const limitMs = 300_000;

const samplesOf = (events: readonly EraseEvent[]): SampleEvent[] =>
  events.filter((event) => event.event === 'sample');
const namesOf = (events: readonly EraseEvent[]) =>
  samplesOf(events).map(({ file }) => path.basename(file));
const subjects = ['forget-0-0', 'retain-0-0', 'retain-1-0'];
const namesAt = (...moments: string[]) =>
  moments.flatMap((moment) => subjects.map((subject) => `${moment}-${subject}.png`));

it(
  'previews are drawn before, during and after, and change no byte of the result',
  async () => {
    const [shown, hidden] = [makeTemporaryFolder(), makeTemporaryFolder()];
    const job = await makeTinyJob(shown, { sampleEvery: 2 });
    const events = await runTinyJob(job, shown);
    expect(namesOf(events)).toEqual(namesAt('before-0', 'during-2', 'after-4'));
    expect(readdirSync(path.join(shown, 'samples')).sort()).toEqual(namesOf(events).sort());
    for (const { file, prompt, step, which, role, seed } of samplesOf(events)) {
      const png = readFileSync(file).toString('latin1');
      expect(png).toContain(`parameters\0${prompt}\nSteps: 8, Sampler: DPM++ 2M`);
      expect(path.basename(file)).toMatch(new RegExp(`^${which}-${step}-${role}-\\d-${seed}.png$`));
    }
    // The same noise, another model.
    const [before] = samplesOf(events);
    const after = samplesOf(events).find(({ which }) => which === 'after');
    expect(readFileSync(after!.file).equals(readFileSync(before!.file))).toBe(false);

    const other = await makeTinyJob(hidden, {});
    const silent = await runTinyJob(other, hidden);
    expect(samplesOf(silent)).toEqual([]);
    expect(await hashCheckpoint(job.output)).toBe(await hashCheckpoint(other.output));
  },
  limitMs,
);

it(
  'a cancelled and resumed run draws what is missing, tells nothing twice and ends the same',
  async () => {
    const [whole, broken] = [makeTemporaryFolder(), makeTemporaryFolder()];
    const settings = { sampleEvery: 1, steps: 3, saveEvery: null };
    const job = await makeTinyJob(whole, settings);
    const undisturbed = await runTinyJob(job, whole);

    const disturbed = await makeTinyJob(broken, settings);
    let events = await runTinyJob(disturbed, broken, [], ({ event }) => event === 'sample');
    expect(namesOf(events)).toEqual(namesAt('before-0'));
    // Killed before it had saved: what was told of one picture is lost, another one was not finished.
    rmSync(path.join(broken, 'state/state.safetensors'));
    rmSync(samplesOf(events)[1]!.file);
    const kept = samplesOf(events).filter((_, i) => i !== 1);
    const timeOf = ({ file }: SampleEvent) => statSync(file).mtimeMs;
    const times = kept.map(timeOf);
    events = events.filter((event) => event !== kept[0]);
    events = await runTinyJob(disturbed, broken, events, ({ event }) => event === 'progress');
    events = await runTinyJob(disturbed, broken, events);
    expect(kept.map(timeOf)).toEqual(times);

    expect(namesOf(events).sort()).toEqual(namesOf(undisturbed).sort());
    for (const name of namesOf(undisturbed)) {
      const png = readFileSync(path.join(broken, 'samples', name));
      expect(png.equals(readFileSync(path.join(whole, 'samples', name))), name).toBe(true);
    }
    expect(await hashCheckpoint(disturbed.output)).toBe(await hashCheckpoint(job.output));
  },
  limitMs,
);

it(
  'a run that ruins its pictures ends with the last state that drew well, and shows what that draws',
  async () => {
    const folder = makeTemporaryFolder();
    const job = await makeTinyJob(folder, { sampleEvery: 2 });
    // As if the last step had drawn black pictures.
    mkdirSync(path.join(folder, 'samples'));
    const black = await encodePng({
      data: new Float32Array(3 * 64 ** 2).fill(-1),
      width: 64,
      height: 64,
    });
    for (const name of namesAt('during-4'))
      writeFileSync(path.join(folder, 'samples', name), black);
    const events = await runTinyJob(job, folder);
    expect(namesOf(events)).toEqual(namesAt('before-0', 'during-2', 'during-4', 'after-3'));
    expect(events).toContainEqual({
      event: 'notice',
      message:
        'Training began to destroy the model and was stopped at step 4: the pictures of kept prompts became flat, glaring or all alike. The model of step 3 is used.',
    });
    expect(await stepsOfResult(job)).toBe(3);
  },
  limitMs,
);

it(
  'a run that ruins its pictures from the start writes no model',
  async () => {
    const folder = makeTemporaryFolder();
    const job = await makeTinyJob(folder, {
      learningRate: 1e-2,
      train: 'full',
      sampleEvery: 1,
      clipNorm: null,
    });
    await expect(runTinyJob(job, folder)).rejects.toThrow(
      /pictures of kept prompts became flat.* no model was written/,
    );
    expect(existsSync(job.output)).toBe(false);
  },
  limitMs,
);

it('pictures are spread over the prompts', () => {
  expect(spread(['a', 'b'], 3).map(({ index }) => index)).toEqual([0, 1]);
  expect(spread(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'], 3)).toEqual([
    { item: 'a', index: 0 },
    { item: 'c', index: 2 },
    { item: 'f', index: 5 },
  ]);
});
