import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { AppError, erase, type EraseEvent, openCheckpoint } from '../src/index.ts';
import { makeTemporaryFolder } from './helpers/temporary-folder.ts';

const model = path.resolve('presets/tiny-sd/tiny-sd.safetensors');

describe('the programming interface', () => {
  it('erases as the command does', async () => {
    const folder = makeTemporaryFolder();
    const output = path.join(folder, 'without-heart.safetensors');
    const events: EraseEvent['event'][] = [];
    const erased = await erase({
      ...{ model, forget: ['a red heart'], retain: ['a star'], output, device: 'cpu' },
      dataFolder: folder,
      settings: {
        batch: 1,
        ...{ steps: 2, generatedForget: 1, generatedRetain: 1, generationSteps: 1 },
        ...{ evaluationPictures: 0, sampleEvery: 0 },
      },
      onEvent: ({ event }) => events.push(event),
    });
    expect(erased.checkpoint).toBe(output);
    expect(events.filter((event) => event === 'progress')).toHaveLength(2);
    const scrubbed = await openCheckpoint(output);
    expect(scrubbed.file.path).toBe(output);
    await scrubbed.close();
  });

  it('says what is wrong with a request before any work', async () => {
    const dataFolder = makeTemporaryFolder();
    const nothing = erase({ model, dataFolder });
    await expect(nothing).rejects.toThrow(AppError);
    await expect(nothing).rejects.toThrow(/forget/);
  });
});

describe('the package for the registry', () => {
  it('holds what it runs with and no more', () => {
    const packed = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      shell: process.platform === 'win32',
    });
    const [{ files }] = JSON.parse(packed) as [{ files: { path: string }[] }];
    const names = files.map((file) => file.path).filter((name) => !name.startsWith('dist/'));
    expect(names).toEqual(
      expect.arrayContaining([
        ...['src/bin.mjs', 'src/compiled.mjs', 'src/install/skip-download.mjs'],
        ...['presets/nudity.yaml', 'presets/tiny-sd/tiny-sd.safetensors', 'plugin.yaml'],
        ...['bridges/erase_concept/node.py', 'javascript/erase-concept.js', '__init__.py'],
        ...['README.md', 'LICENSE'],
      ]),
    );
    const others = names.filter((name) => /^(test|ui|routes|docs)\/|\.ts$|\.pyc$/.test(name));
    expect(others).toEqual([]);
  });
});
