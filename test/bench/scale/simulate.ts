import { type Fleet, simulate } from './fleet.ts';
import { readMeasured } from './measured.ts';

// npm run simulate
// Fleets of 20 to 2,000 workers, as docs/scale.md has them: what they do, how long jobs wait, how much is moved,
// how busy Redis and the store are. Takes seconds. Inputs are those of `measured.json` and of docs/benchmarks.md;
// links are named by their nominal speeds.

const GIGABIT = 1e9 / 8;
const measured = readMeasured();

/** SD 1.5 as in docs/benchmarks.md, its cross-attention trained for the default 200 steps. */
const usual: Omit<Fleet, 'workers'> = {
  ...{ servers: 2, hours: 12, load: 0.9, steps: 200, secondsPerStep: 10.5 },
  // Of `make-full-size.ts`; 43,962,560 parameters with two moments and those in good health, in 32 bits.
  ...{ models: 40, modelBytes: 2_132_625_926, resultBytes: 2_132_625_926 },
  ...{ stateBytes: 43_962_560 * 4 * 4, saveSeconds: 30 },
  ...{ storeRate: 10 * GIGABIT, linkRate: GIGABIT },
  // 419 interruptions of 16,384 cards in 54 days: "The Llama 3 Herd of Models", 2024, table 5.
  hoursToDeath: (16_384 * 54 * 24) / 419,
  // The longest of docs/many-machines.md; a machine that starts again.
  ...{ takeoverSeconds: 16, rebootSeconds: 300 },
  seed: 1,
};

/** A low-rank change of rank 16: 1,591,296 parameters; the result is its file, in 16 bits. */
const lowRank: Partial<Fleet> = { stateBytes: 1_591_296 * 4 * 4, resultBytes: 1_591_296 * 2 };
const fast = { secondsPerStep: 1.05, hours: 4 };

const sizes = [20, 200, 2000];
const cases: readonly (readonly [string, Partial<Fleet>])[] = [
  ['as measured on two processor cores', {}],
  ['the same, states stored every 10 minutes at most', { saveSeconds: 600 }],
  ['the same, the store at 100 Gbit/s', { storeRate: 100 * GIGABIT }],
  ['the same, low-rank changes', lowRank],
  ['low-rank changes, steps ten times as fast', { ...lowRank, ...fast }],
  ['low-rank changes, each worker dying every 8 hours', { ...lowRank, hoursToDeath: 8 }],
];

const started = performance.now();
for (const [title, change] of cases) {
  console.log(`\n${title}`);
  console.table(sizes.map((workers) => rowOf({ ...usual, ...change, workers })));
}
const { jobBytes, eventBytes } = measured;
const kilobytes = (jobBytes + usual.steps * eventBytes) / 1e3;
console.log(`\nRedis holds ${kilobytes.toFixed(0)} KB of each job until it is deleted.`);
console.log(`${((performance.now() - started) / 1000).toFixed(1)} s`);

function rowOf(fleet: Fleet) {
  const found = simulate(fleet, measured);
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  return {
    workers: fleet.workers,
    'jobs/h': Math.round(found.jobsPerHour),
    'of the ideal': percent(found.used),
    'wait, mean s': Math.round(found.meanWaitSeconds),
    'wait, p95 s': Math.round(found.lateWaitSeconds),
    'GB/h': Math.round(found.bytesPerHour / 1e9),
    store: percent(found.storeUsed),
    deaths: found.deaths,
    repeated: percent(found.repeated),
    'Redis core': percent(found.redisUsed),
  };
}
