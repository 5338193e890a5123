import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';

import { askProcess } from '../../src/processes/ask-process.ts';
import { cureOf } from '../../src/runtime/onnxruntime.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

const reportOf = (header: object) =>
  ({ getReport: () => ({ header }) }) as unknown as NodeJS.ProcessReport;

describe('a runtime that cannot be loaded', () => {
  it.each([
    ['win32', {}, /Visual C\+\+ Redistributable .*vc_redist\.x64/],
    ['linux', {}, /musl/],
    ['linux', { glibcVersionRuntime: '2.36' }, /libstdc\+\+6/],
    ['freebsd', {}, /none for freebsd on x64/],
  ] as const)('is explained on %s, %j', (platform, header, cure) => {
    expect(cureOf({ platform, arch: 'x64', report: reportOf(header) })).toMatch(cure);
  });

  it('is told by a process that cannot begin without it', async () => {
    const module = path.join(makeTemporaryFolder(), 'worker.mjs');
    const text = `throw Object.assign(new Error('there is no library'), { code: 'device.unavailable' });`;
    await writeFile(module, text);
    const asked = askProcess(pathToFileURL(module), null, { purpose: 'drawing' });
    await expect(asked).rejects.toMatchObject({
      ...{ code: 'device.unavailable', message: 'there is no library' },
    });
  });
});
