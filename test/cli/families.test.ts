import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { parseEvents, runCli } from '../helpers/run-cli.ts';
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
        ...['--generated-retain', '2', '--generation-steps', '2', '--evaluate', '1'],
        ...['--device', 'cpu', '--threads', '1', '--json'],
      ];
      const { status, stdout, stderr } = await runCli(args, place, 170_000);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      const { output } = parseEvents(stdout).at(-1) as { output: string };
      const { stdout: inspected } = await runCli(['inspect', output, '--json'], place);
      expect(JSON.parse(inspected)).toMatchObject({
        family,
        eraseConcept: { forget: [{ prompt: 'a red heart' }], steps: 4 },
      });
      const losses = parseEvents(stdout).flatMap((event) =>
        event.event === 'progress' ? [(event as { retainLoss: number }).retainLoss] : [],
      );
      expect(losses).toHaveLength(4);
      // A model that was told of sizes or prompts wrongly predicts no noise: its loss would be near 1.
      losses.forEach((loss) => {
        expect(loss).toBeLessThan(0.5);
      });
    },
    200_000,
  );
});
