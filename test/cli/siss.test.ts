import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { callCli, parseEvents } from '../helpers/run-cli.ts';
import { copyTinySd, writeFolder } from './bad-input-files.ts';

const pictures = path.resolve('presets/tiny-sd/images/forget-pontilla');

describe('erase --method siss', () => {
  let folder: string;
  const erase = (...args: string[]) => [
    ...['erase', '--model', 'tiny-sd.safetensors', '--device', 'cpu', '--threads', '1', '--json'],
    ...args,
  ];

  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'erase-concept-siss-'));
    copyTinySd(folder);
    writeFolder(path.join(folder, 'given'), { '1.txt': 'a lost picture' });
    copyFileSync(path.join(pictures, '000.png'), path.join(folder, 'given/1.png'));
  });

  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it('forgets the given pictures and says so in the model and the report', async () => {
    const args = erase(
      ...['--method', 'siss', '--forget-images', 'given', '--retain', 'a star', '--steps', '2'],
      ...['--generated-retain', '2', '--generation-steps', '2', '--accumulation', '1'],
      ...['--first-timestep', '800', '--forget-norm', '300', '--mixture', '0.25', '--lr', '1e-4'],
      ...['--evaluate', '0', '--metadata', 'full'],
    );
    const { status, stdout, stderr } = await callCli(args, folder);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const { output } = parseEvents(stdout).at(-1) as { output: string };
    expect(output).toBe(path.join(folder, 'tiny-sd-without-lost.safetensors'));
    const inspected = await callCli(['inspect', output, '--json'], folder);
    expect(JSON.parse(inspected.stdout)).toMatchObject({
      eraseConcept: {
        method: 'siss',
        forget: [{ prompt: 'a lost picture' }],
        settings: { mixture: 0.25, forgetNorm: 300, firstTimestep: 800, learningRate: 1e-4 },
      },
    });
    const job = parseEvents(stdout).at(0) as { folder: string };
    const report = readFileSync(path.join(job.folder, 'report.html'), 'utf8');
    expect(report).toContain('SISS (Alberti et al., arXiv 2503.01034)');
  }, 200_000);

  it.each([
    [
      'no pictures',
      ['--method', 'siss', '--forget', 'a heart'],
      'image.none',
      /siss forgets the very pictures that it is given, and none are.*--forget-images/,
    ],
    [
      'a rate for a loop that it does not have',
      ['--method', 'siss', '--forget-images', 'given', '--inner-lr', '1e-4'],
      'settings.invalid',
      /innerLearningRate is a setting of the method erasediff/,
    ],
    [
      'a setting of the other method',
      ['--method', 'siss', '--forget-images', 'given', '--rule', 'cosine'],
      'settings.invalid',
      /rule is a setting of the method erasediff; this erasure uses siss\. Leave it out/,
    ],
    [
      'a setting of its own with the other method',
      ['--forget', 'a heart', '--mixture', '0.5'],
      'settings.invalid',
      /mixture is a setting of the method siss; this erasure uses erasediff\. Leave it out/,
    ],
    [
      'steps with a method that takes none',
      ['--method', 'uce', '--forget', 'a heart', '--steps', '3'],
      'settings.invalid',
      /steps is a setting of the methods erasediff, siss, .+ and \w+; this erasure uses uce\. Leave it out/,
    ],
    [
      'a timestep beyond the last',
      ['--method', 'siss', '--forget-images', 'given', '--first-timestep', '1000'],
      'settings.invalid',
      /firstTimestep: /,
    ],
    [
      'a share that is none',
      ['--method', 'siss', '--forget-images', 'given', '--mixture', '1.5'],
      'settings.invalid',
      /mixture: /,
    ],
  ] as const)('refuses %s', async (_, args, code, message) => {
    const { status, stdout } = await callCli(erase(...args), folder);
    expect(status).toBe(3);
    expect(parseEvents(stdout)).toMatchObject([
      { event: 'error', code, message: expect.stringMatching(message) as string },
    ]);
    expect(existsSync(path.join(folder, 'tiny-sd-without-heart.safetensors'))).toBe(false);
  });
});
