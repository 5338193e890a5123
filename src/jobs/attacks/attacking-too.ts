import type { Worker } from '../ports.ts';
import { isAttackKey, type JobAttacks, jobOfKey } from './job-attacks.ts';

/** Who works on jobs, and on the attacks on them, which wait in the same queue and for the same devices. */
export function attackingToo(jobs: Worker, attacks: JobAttacks): Worker {
  return {
    lane: (key) => jobs.lane(isAttackKey(key) ? jobOfKey(key) : key),
    work: (key, signals) =>
      isAttackKey(key) ? attacks.work(key, signals) : jobs.work(key, signals),
    onMoved: (waiting) => {
      jobs.onMoved(waiting.filter((key) => !isAttackKey(key)));
    },
    onTrouble: (error) => {
      jobs.onTrouble(error);
    },
  };
}
