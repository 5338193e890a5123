import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { freeDiskBytes, requireDiskSpace } from '../../src/checkpoint/disk-space.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

const wanted = { purpose: 'the scrubbed model', setting: 'out' } as const;

describe('requireDiskSpace', () => {
  it('lets pass what fits, and makes nothing', async () => {
    const folder = join(makeTemporaryFolder(), 'not', 'made', 'yet');
    await requireDiskSpace(folder, 1, wanted);
    expect(existsSync(folder)).toBe(false);
  });

  it('refuses what does not, and says what to do', async () => {
    const folder = makeTemporaryFolder();
    const needed = (await freeDiskBytes(folder)) + 10 ** 12;
    const refused = requireDiskSpace(join(folder, 'new', 'a.safetensors'), needed, wanted);
    await expect(refused).rejects.toMatchObject({
      code: 'output.no-space',
      message: expect.stringMatching(
        /has [\d.]+ GB free, but the scrubbed model needs [\d.]+ GB\. Free some disk space, or choose another place with --out\./,
      ) as string,
    });
    await expect(refused).rejects.toThrow(`"${folder}"`);
  });
});
