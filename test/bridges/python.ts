import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';

import { describe } from 'vitest';

const ownPython = path.join(import.meta.dirname, '.venv', 'bin', 'python');

/** Finds the packages without the seconds that it takes to import them. */
const findPackages = `
import importlib.util, sys
missing = [name for name in ("aiohttp", "gradio", "yaml") if not importlib.util.find_spec(name)]
if missing: sys.exit("it lacks " + ", ".join(missing))
print(sys.executable)
`;

const { status, stdout, stderr } = spawnSync(
  existsSync(ownPython) ? ownPython : 'python3',
  ['-c', findPackages],
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
