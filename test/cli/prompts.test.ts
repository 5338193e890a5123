import path from 'node:path';
import { expect, it } from 'vitest';

import { callCli, parseEvents } from '../helpers/run-cli.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

const model = path.resolve('presets/tiny-sd/tiny-sd.safetensors');

it.each([
  [['sample', '--model', model, '--out', 'pictures', '--prompt', 'a AND b'], /"AND" joins two/],
  [
    ['evaluate', '--before', model, '--after', model, '--forget', 'a [red|blue] heart'],
    /Give instead: "a red heart", "a blue heart"/,
  ],
  [['erase', '--model', model, '--forget', 'a __colour__ heart'], /is a wildcard/],
  [
    ['erase', '--model', model, '--forget', 'a heart', '--retain', 'A  (HEART:1.1)'],
    /"a heart" is both to be forgotten and to be retained, where it is written "A {2}\(HEART:1\.1\)"/,
  ],
])('prompts that cannot be meant so are refused: %j', async (args, message) => {
  const { status, stdout } = await callCli([...args, '--json'], makeTemporaryFolder());
  expect(parseEvents(stdout)).toMatchObject([{ event: 'error', code: 'prompt.invalid' }]);
  expect(stdout.replaceAll('\\"', '"').replaceAll('\\\\', '\\')).toMatch(message);
  expect(status).toBe(3);
});

it('what is read otherwise is told before the model is opened, by sample and evaluate too', async () => {
  const folder = makeTemporaryFolder();
  const prompt = 'a heart <lora:x:1>';
  const sample = ['sample', '--model', 'none.safetensors', '--out', 'pictures', '--prompt', prompt];
  const plain = await callCli(sample, folder);
  expect(plain.stderr).toMatch(/^Warning: "<lora:x:1>": left out.*\nerase-concept: .*not exist/);
  const pair = ['--before', 'none.safetensors', '--after', 'none.safetensors'];
  const json = await callCli(['evaluate', ...pair, '--forget', prompt, '--json'], folder);
  expect(parseEvents(json.stdout)).toMatchObject([
    { event: 'warning', message: expect.stringMatching(/^"<lora:x:1>": left out/) as string },
    { event: 'error', code: 'checkpoint.not-found' },
  ]);
});
