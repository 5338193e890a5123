import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';

import { describe } from 'vitest';

const ownPython = path.join(import.meta.dirname, '.venv', 'bin', 'python');

const { status, stdout, stderr } = spawnSync(
  existsSync(ownPython) ? ownPython : 'python3',
  ['-c', 'import aiohttp, gradio, yaml, sys; print(sys.executable)'],
  { encoding: 'utf8' },
);
const isThere = status === 0;

/** The Python that the small hosts run in: of `test/bridges/.venv`, else the system's. */
export const python = isThere ? stdout.trim() : 'python3';

if (!isThere) {
  const reason = stderr ? (stderr.trim().split('\n').at(-1) ?? '') : 'there is no python3';
  console.warn(
    `SKIPPED: the bridges: ${reason}. Install what they need: python3 -m venv test/bridges/.venv && ` +
      'test/bridges/.venv/bin/pip install -r test/bridges/requirements.txt',
  );
}

/** A `describe` for tests that need Python and the hosts' packages; skipped aloud. */
export const describeWithPython = describe.skipIf(!isThere);
