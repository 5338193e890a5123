import type { Worker } from '../ports.ts';
import { isAttackKey, type JobAttacks, jobOfKey } from './job-attacks.ts';

/** Who works on jobs, and on the attacks on them, which wait in the same queue and for the same devices. */
export function attackingToo(jobs: Worker, attacks: JobAttacks): Worker {
  return {
    lane: (key) => jobs.lane(isAttackKey(key) ? jobOfKey(key) : key),
    work: async (key, signals) => {
      if (!isAttackKey(key)) return jobs.work(key, signals);
      await attacks.work(key, signals);
      return 'ended';
    },
    onMoved: (waiting) => {
      jobs.onMoved(waiting.filter((key) => !isAttackKey(key)));
    },
    onTrouble: (error) => {
      jobs.onTrouble(error);
    },
  };
}
