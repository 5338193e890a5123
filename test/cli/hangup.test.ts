import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { isHangupIgnored } from '../../src/cli/hangup.mjs';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

const module = path.resolve('src/cli/hangup.mjs');
const node = `'${process.execPath}' --input-type=module -e "import { isHangupIgnored } from '${module}'; import fs from 'node:fs'; fs.writeFileSync('answer', String(isHangupIgnored()))"`;

/** What a process that a shell starts so finds out of hangups. */
function answerOf(command: string): string {
  const folder = makeTemporaryFolder();
  const { PATH } = process.env;
  execFileSync('sh', ['-c', command.replaceAll('NODE', node)], {
    cwd: folder,
    env: { PATH },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  return readFileSync(path.join(folder, 'answer'), 'utf8');
}

describe.skipIf(process.platform !== 'linux')('isHangupIgnored', () => {
  it.each([
    ['nohup, its output in a file', 'nohup NODE > log 2>&1 < /dev/null', 'true'],
    ['nohup, its output nowhere', 'nohup NODE > /dev/null 2>&1 < /dev/null', 'true'],
    ['nohup in the background', 'nohup NODE > log 2>&1 < /dev/null & wait', 'true'],
    ['a shell that ignores hangups', "trap '' HUP; NODE | cat; :", 'true'],
    ['a pipe', 'NODE | cat', 'false'],
    ['standard error that a program reads', 'NODE > log', 'false'],
  ])('knows %s', (_, command, expected) => {
    expect(answerOf(command)).toBe(expected);
  });

  it('knows nohup by what shells say of the command that they start', () => {
    expect(isHangupIgnored({ _: '/usr/bin/nohup' })).toBe(true);
    expect(isHangupIgnored({ _: '/usr/bin/nohup-like' })).toBe(false);
  });

  it('has no other way: Node forgets that it was to ignore hangups', () => {
    const command = `nohup '${process.execPath}' -e "process.kill(process.pid, 'SIGHUP'); setTimeout(() => {}, 5000)"`;
    expect(spawnSync('sh', ['-c', command]).status).toBe(129);
  });
});
