import type { HostTimeouts } from '../../src/hosts/host-timeouts.ts';

/** As long as it takes on a busy machine, and no test waits for more than a second. */
export const quickTimeouts: HostTimeouts = {
  pingMs: 300,
  quickMs: 700,
  workMs: 1000,
  listedMs: 300,
  idleMs: 300,
  trainingMs: 10_000,
  pollMs: 20,
};
