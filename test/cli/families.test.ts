import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { openSafetensors } from '../../src/checkpoint/safetensors-reader.ts';
import { callCli, parseEvents } from '../helpers/run-cli.ts';
import { writeTinyFamily } from '../helpers/tiny-families.ts';

describe('erase', () => {
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'erase-concept-families-'));
  });

  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it.each(['sdxl', 'sd2'] as const)(
    'takes a concept out of a model of %s, with its comparison',
    async (family) => {
      const place = mkdtempSync(path.join(folder, family));
      const model = await writeTinyFamily(place, family);
      const args = [
        ...['erase', '--model', model, '--forget', 'a red heart', '--retain', 'a star'],
        ...['--train', 'xattn', '--steps', '4', '--generated-forget', '2', '--size', '64'],
        ...['--generated-retain', '2', '--generation-steps', '2', '--metadata', 'full'],
        ...['--evaluate', '1', '--measure', 'prompts'],
        ...['--device', 'cpu', '--threads', '1', '--json'],
      ];
      const { status, stdout, stderr } = await callCli(args, place);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      const { output } = parseEvents(stdout).at(-1) as { output: string };
      const { stdout: inspected } = await callCli(['inspect', output, '--json'], place);
      expect(JSON.parse(inspected)).toMatchObject({
        family,
        eraseConcept: { forget: [{ prompt: 'a red heart' }], steps: 4 },
      });
      expect(await changedTensors(model, output)).toEqual(
        (await tensorNames(model)).filter((name) => name.includes('.attn2.')),
      );
    },
    200_000,
  );
});

async function tensorNames(file: string): Promise<string[]> {
  const opened = await openSafetensors(file);
  await opened.close();
  return [...opened.tensors.keys()];
}

/** Names of the tensors whose elements differ, in the order of the first file. */
async function changedTensors(before: string, after: string): Promise<string[]> {
  const [one, other] = [await openSafetensors(before), await openSafetensors(after)];
  const changed: string[] = [];
  for (const name of one.tensors.keys()) {
    const [was, is] = [await one.readFloat32(name), await other.readFloat32(name)];
    if (was.some((value, i) => value !== is[i])) changed.push(name);
  }
  await one.close();
  await other.close();
  return changed;
}
