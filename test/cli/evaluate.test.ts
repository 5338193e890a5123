import { cpSync, existsSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { writeForgetfulModel } from '../helpers/forgetful-model.ts';
import { callCli, parseEvents } from '../helpers/run-cli.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { copyTinySd } from './bad-input-files.ts';

/** A folder with tiny-sd as `tiny-sd.safetensors` and, without a word, as `scrubbed.safetensors`. */
async function makeModels(): Promise<string> {
  const folder = makeTemporaryFolder();
  copyTinySd(folder);
  const scrubbed = path.join(folder, 'scrubbed.safetensors');
  await writeForgetfulModel(scrubbed, { word: 'pontilla', takenFor: 'flatto' });
  return folder;
}

const quick = [
  ...['evaluate', '--before', 'tiny-sd.safetensors', '--device', 'cpu'],
  ...['--forget', 'a red star in the style of Pontilla', '--retain', 'a photo of a red star'],
  ...['--count', '2', '--seed', '3', '--steps', '2', '--cfg', '5', '--threads', '1'],
];

describe('evaluate', () => {
  it('tells its numbers as a last object and writes every picture and a sheet', async () => {
    const folder = await makeModels();
    const args = [...quick, '--after', 'scrubbed.safetensors', '--out', 'out', '--json'];
    const { status, stdout } = await callCli(args, folder);
    expect(status, stdout).toBe(0);
    const events = parseEvents(stdout);
    const out = path.join(folder, 'out');

    const phases = events.filter(({ event }) => event === 'phase').map(({ phase }) => phase);
    expect(phases).toEqual(['encode', 'generate', 'evaluate']);
    expect(events.findLast(({ event }) => event === 'progress')).toMatchObject({
      step: 16,
      steps: 16,
    });
    const samples = events.filter(({ event }) => event === 'sample');
    expect(samples[0]).toEqual({
      event: 'sample',
      file: path.join(out, 'forget-0-3-before.png'),
      prompt: 'a red star in the style of Pontilla',
      which: 'before',
    });
    const names = ['forget', 'retain'].flatMap((role) =>
      [3, 4].flatMap((seed) => [`${role}-0-${seed}-before.png`, `${role}-0-${seed}-after.png`]),
    );
    expect(samples.map(({ file }) => path.basename(String(file)))).toEqual(names);
    expect(readdirSync(out).sort()).toEqual([...names, 'before-after.png'].sort());

    const [evaluation, done] = events.slice(-2);
    expect(evaluation).toMatchObject({
      event: 'evaluation',
      forget: { pictures: 2, margin: expect.any(Number) as number },
      retain: { pictures: 2, change: 0 },
      unrelatedChange: expect.any(Number) as number,
      prompts: [
        { role: 'forget', anchor: 'a red star', pictures: 2 },
        { role: 'retain', prompt: 'a photo of a red star', anchor: null, pictures: 2 },
      ],
    });
    expect(done).toMatchObject({ event: 'done', output: out });
  });

  it('prints a table in which each number has its sentence', async () => {
    const folder = await makeModels();
    const { status, stdout } = await callCli([...quick, '--after', 'scrubbed.safetensors'], folder);
    expect(status, stdout).toBe(0);
    expect(stdout).toMatch(
      /^Still shows the concept +\d+ % +\d+ % +of 2 pictures of forgotten prompts.*\(95 % confidence: /m,
    );
    expect(stdout).toMatch(
      /^Still shows what is kept +\d+ % +\d+ % +of 2 pictures of kept prompts/m,
    );
    expect(stdout).toMatch(
      /^Change of what is kept +0\.00 +is how far a kept picture moved.* are 0\.\d\d apart/m,
    );
  });

  it('refuses what cannot be evaluated before any work', async () => {
    const folder = await makeModels();
    cpSync(path.join(folder, 'tiny-sd.safetensors'), path.join(folder, 'copy.safetensors'));
    cpSync(path.join(folder, 'tiny-sd.yaml'), path.join(folder, 'copy.yaml'));
    const refusal = async (...args: string[]) => {
      const { status, stdout } = await callCli([...quick, '--json', ...args], folder);
      const events = parseEvents(stdout);
      expect(events).toHaveLength(1);
      return { status, code: events[0]?.code };
    };
    expect(await refusal('--after', 'copy.safetensors', '--out', 'out')).toEqual({
      status: 3,
      code: 'model.identical',
    });
    expect(existsSync(path.join(folder, 'out'))).toBe(false);
    expect(await refusal()).toEqual({ status: 2, code: 'usage.invalid' });
    expect(await refusal('--after', 'scrubbed.safetensors', '--size', '100')).toEqual({
      status: 3,
      code: 'settings.invalid',
    });
    writeFileSync(path.join(folder, 'retain-0-4-after.png'), 'mine');
    expect(await refusal('--after', 'scrubbed.safetensors', '--out', '.')).toEqual({
      status: 3,
      code: 'output.exists',
    });
  });
});
