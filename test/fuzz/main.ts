import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import path from 'node:path';
import { parseArgs } from 'node:util';

// npm run fuzz -- [--seed N] [--minutes 10] [--inputs N]: hostile inputs to all that reads what strangers
// send, for as long; the seed is printed and draws the same again.

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Math.trunc(Math.random() * 2 ** 31)) },
    minutes: { type: 'string' },
    inputs: { type: 'string' },
  },
});
for (const [name, value] of Object.entries(values)) {
  if (!(Number(value) > 0))
    throw new RangeError(`--${name} takes a number above 0, not "${value}"`);
}
const minutes = values.minutes ?? (values.inputs === undefined ? '10' : 'Infinity');
const inputs = values.inputs ?? 'Infinity';
console.log(`npm run fuzz -- --seed ${values.seed} --minutes ${minutes} --inputs ${inputs}`);
const vitest = path.join(
  path.dirname(createRequire(import.meta.url).resolve('vitest/package.json')),
  'vitest.mjs',
);
const { status } = spawnSync(process.execPath, [vitest, 'run', '--project', 'cpu', 'test/fuzz'], {
  stdio: 'inherit',
  env: {
    ...process.env,
    ERASE_CONCEPT_TEST_SEED: values.seed,
    ERASE_CONCEPT_FUZZ_MINUTES: minutes,
    ERASE_CONCEPT_FUZZ_INPUTS: inputs,
  },
});
process.exitCode = status ?? 1;
