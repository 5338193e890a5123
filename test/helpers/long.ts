import { createGenerator } from '../../src/tensor/random.ts';

/** Whether what is long by nature runs in full: `npm run test:long`. */
const isLong = process.env.ERASE_CONCEPT_LONG_TESTS === '1';

/** How many rounds of a test run, or which: a few with `npm test`, all with `test:long`. */
export function rounds<T>({ few, many }: { few: T; many: T }): T {
  return isLong ? many : few;
}

/**
 * A stream of random numbers for a test, which prints its seed: `ERASE_CONCEPT_TEST_SEED=N` draws the
 * same again.
 *
 * @returns uniform in [0, 1)
 */
export function createTestRandom(what: string): () => number {
  const given = process.env.ERASE_CONCEPT_TEST_SEED;
  const seed = given === undefined ? Math.trunc(Math.random() * 2 ** 31) : Number(given);
  console.log(`${what}: ERASE_CONCEPT_TEST_SEED=${seed}`);
  const generator = createGenerator(seed);
  return () => generator.uniform(1)[0]!;
}
