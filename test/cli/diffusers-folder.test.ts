import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { parseEvents, runCli, startCli } from '../helpers/run-cli.ts';
import { writeTinySdFolder } from '../helpers/tiny-sd-folder.ts';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'erase-concept-folder-'));
  writeTinySdFolder(path.join(folder, 'tiny'));
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

const LIMIT_MS = 120_000;

async function run(...args: string[]) {
  const { status, stdout, stderr } = await runCli([...args, '--json'], folder, LIMIT_MS);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return parseEvents(stdout);
}

it('a folder is erased from, resumed, inspected, drawn with and evaluated', async () => {
  const erasing = startCli(
    [
      ...['erase', '--model', 'tiny', '--device', 'cpu', '--threads', '1', '--steps', '8'],
      ...['--forget', 'a red heart', '--concept', 'heart', '--retain', 'a star'],
      ...[
        '--generated-forget',
        '2',
        '--generated-retain',
        '2',
        '--generation-steps',
        '2',
        '--json',
      ],
    ],
    { folder, limitMs: LIMIT_MS },
  );
  await erasing.printed('"step":2');
  erasing.process.kill('SIGINT');
  expect((await erasing.ended).status).toBe(5);
  expect(readdirSync(folder).sort()).toEqual(['data', 'tiny']);

  const [job] = readdirSync(path.join(folder, 'data/jobs'));
  const output = path.join(folder, 'tiny-without-heart');
  const done = (await run('resume', job!)).at(-1);
  expect(done).toMatchObject({ event: 'done', output });
  expect(readdirSync(folder).sort()).toEqual(['data', 'tiny', 'tiny-without-heart']);

  const [described] = await run('inspect', 'tiny-without-heart');
  expect(described).toMatchObject({
    family: 'sd1',
    eraseConcept: { method: 'erasediff', steps: 8, forget: [{ prompt: 'a red heart' }] },
    erasing: { supported: true },
  });

  await run(
    ...['sample', '--model', 'tiny-without-heart', '--prompt', 'a star', '--steps', '2'],
    ...['--out', 'pictures', '--device', 'cpu'],
  );
  expect(readdirSync(path.join(folder, 'pictures'))).toEqual(['0-0.png']);

  const evaluated = await run(
    ...['evaluate', '--before', 'tiny', '--after', 'tiny-without-heart', '--device', 'cpu'],
    ...['--forget', 'a red heart', '--retain', 'a star', '--count', '1', '--steps', '2'],
  );
  expect(evaluated.at(-1)).toMatchObject({ event: 'done' });
}, 400_000);

it.each([
  ['a name of files', 'new.safetensors', /ends in \.safetensors/],
  ['a place in the model', path.join('tiny', 'new'), /within the model's own folder/],
])('refuses %s for the result', async (_, out, message) => {
  const args = ['erase', '--model', 'tiny', '--forget', 'a heart', '--out', out];
  const { status, stderr } = await runCli(args, folder, LIMIT_MS);
  expect(status).toBe(3);
  expect(stderr).toMatch(message);
});
