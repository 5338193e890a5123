import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { hashContent } from '../../../src/jobs/store/hash-file.ts';
import { openStore } from '../../../src/jobs/store/open-store.ts';
import type { Store } from '../../../src/jobs/store/store.ts';
import { fetchFile, storeFile } from '../../../src/jobs/store/transfer.ts';
import { createTestRandom, rounds } from '../../helpers/long.ts';
import { startS3 } from '../../helpers/s3-server.ts';
import { makeTemporaryFolder } from '../../helpers/temporary-folder.ts';

/** A file of random bytes and what it holds. */
async function makeFile(folder: string, bytes: number) {
  const file = path.join(folder, 'file');
  writeFileSync(file, randomBytes(bytes));
  return { file, ...(await hashContent(file)) };
}

const stores: Record<string, () => Promise<Store>> = {
  'a folder': () => openStore(makeTemporaryFolder()),
  S3: async () => openStore((await startS3()).place),
};

describe.each(Object.entries(stores))('a store in %s', (_, open) => {
  it('keeps files by their keys until they are deleted', async () => {
    const store = await open();
    const folder = makeTemporaryFolder();
    const { file, sha256 } = await makeFile(folder, 100_000);
    const keys = ['inputs/ab/abc', 'jobs/one/a', 'jobs/one/b', 'jobs/one-2/a'];
    for (const key of keys) await storeFile(store, key, file);
    const copy = path.join(folder, 'below', 'copy');
    await fetchFile(store, 'jobs/one/a', { sha256, file: copy });
    expect(readFileSync(copy).equals(readFileSync(file))).toBe(true);
    await store.deleteAll('jobs/one/');
    expect(await Promise.all(keys.map((key) => store.has(key)))).toEqual([
      true,
      false,
      false,
      true,
    ]);
    await store.delete(['inputs/ab/abc', 'inputs/no']);
    expect(await store.has('inputs/ab/abc')).toBe(false);
    await expect(fetchFile(store, 'jobs/one/a', { sha256, file: copy })).rejects.toMatchObject({
      code: 'artifact.missing',
    });
  });

  it('has what is damaged found out, and not left here', async () => {
    const store = await open();
    const folder = makeTemporaryFolder();
    const { file } = await makeFile(folder, 1000);
    await storeFile(store, 'jobs/one/a', file);
    const copy = path.join(folder, 'copy');
    await expect(
      fetchFile(store, 'jobs/one/a', { sha256: 'f'.repeat(64), file: copy }),
    ).rejects.toMatchObject({ code: 'artifact.damaged' });
    expect(readdirSync(folder)).toEqual(['file']);
  });
});

describe('a store that fails', () => {
  it('is asked again, to the same bytes, where it refuses or cuts transfers', async () => {
    const random = createTestRandom('which requests fail');
    const s3 = await startS3();
    const store = await openStore(s3.place);
    s3.fate = () => (random() < 0.15 ? 'refused' : random() < 0.15 ? 'cut' : 'answered');
    for (let round = 0; round < rounds({ few: 3, many: 30 }); round++) {
      const folder = makeTemporaryFolder();
      const { file, sha256 } = await makeFile(folder, 300_000);
      await storeFile(store, `jobs/one/${sha256}`, file);
      const copy = path.join(folder, 'copy');
      await fetchFile(store, `jobs/one/${sha256}`, { sha256, file: copy });
      expect(readFileSync(copy).equals(readFileSync(file))).toBe(true);
    }
  });

  it('is asked for the rest of what it has cut, and for all of it where that was no good', async () => {
    const s3 = await startS3();
    const store = await openStore(s3.place);
    const folder = makeTemporaryFolder();
    const { file, sha256 } = await makeFile(folder, 5_000_000);
    await storeFile(store, 'jobs/one/a', file);
    const asked: (string | undefined)[] = [];
    s3.fate = ({ method, headers }) => {
      if (method === 'GET') asked.push(headers.range);
      return asked.length === 1 ? 'cut' : 'answered';
    };
    const copy = path.join(folder, 'copy');
    await fetchFile(store, 'jobs/one/a', { sha256, file: copy });
    expect(readFileSync(copy).equals(readFileSync(file))).toBe(true);
    expect(asked).toEqual([undefined, expect.stringMatching(/^bytes=[1-9]\d*-$/)]);
    asked.length = 1;
    const other = { sha256: 'f'.repeat(64), file: path.join(folder, 'other') };
    await expect(fetchFile(store, 'jobs/one/a', other)).rejects.toMatchObject({
      code: 'artifact.damaged',
    });
    expect(asked.slice(1)).toEqual([undefined, undefined]);
  });

  it('says what is wrong where it cannot be used at all', async () => {
    const s3 = await startS3();
    await expect(openStore('s3://no-such-bucket')).rejects.toMatchObject({
      code: 'artifact.unreachable',
      message: expect.stringMatching(/"no-such-bucket".*AWS_ENDPOINT_URL/s) as string,
    });
    const folder = makeTemporaryFolder();
    writeFileSync(path.join(folder, 'file'), '');
    await expect(openStore(path.join(folder, 'file', 'below'))).rejects.toMatchObject({
      code: 'artifact.unreachable',
    });
    expect(existsSync(path.join(folder, 'file', 'below'))).toBe(false);
    s3.fate = () => 'refused';
    await expect(openStore(s3.place)).rejects.toMatchObject({ code: 'artifact.unreachable' });
  });
});
