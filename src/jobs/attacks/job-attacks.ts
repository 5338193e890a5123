import { attacks } from '../../attacks/registry.ts';
import type { AttackRequest, JobAttack } from '../../contract/attack-view.ts';
import { givenFolders } from '../../erase/given-pictures.ts';
import { asAppError, AppError } from '../../errors.ts';
import { messageForFields } from '../../remedy.ts';
import type { AttackResult } from '../../attacks/run-attack.ts';
import { askProcess } from '../../processes/ask-process.ts';
import type { JobRecord } from '../job-record.ts';
import type { JobBackend, WorkSignals } from '../ports.ts';
import type { AttackQuestion } from './attack-result.ts';

const worker = new URL('./attack-worker.ts', import.meta.url);

/** What attacks on jobs are made with. */
interface AttackTools {
  readonly backend: Pick<JobBackend, 'artifacts' | 'queue' | 'runner'>;
  readonly find: (id: string) => Promise<JobRecord>;
  /** How far the attacks on a job are is another. */
  readonly onChange: (id: string) => void;
  readonly onTrouble: (error: unknown) => void;
}

const prefix = 'attack:';
/** Under which name a job's attacks wait in the queue; no job is called so. */
export const attackKey = (id: string) => prefix + id;
export const isAttackKey = (key: string) => key.startsWith(prefix);
export const jobOfKey = (key: string) => key.slice(prefix.length);

const isOpen = ({ state }: JobAttack) => state === 'queued' || state === 'running';

/**
 * Attacks on the results of finished jobs: asked for, worked on one after the other through the queue of jobs, kept
 * with the job's status. One that a server did not finish begins again with the next.
 */
export class JobAttacks {
  private readonly tools: AttackTools;
  private isClosing = false;

  constructor(tools: AttackTools) {
    this.tools = tools;
  }

  /** From now on what is ended keeps its place, for the next server. */
  close(): void {
    this.isClosing = true;
  }

  /** @throws AppError `job.wrong-state`, `usage.invalid` */
  async ask(record: JobRecord, { kinds, ...how }: AttackRequest): Promise<void> {
    requireDone(record);
    for (const kind of kinds) requireKind(kind, record);
    const open = this.of(record).find((one) => isOpen(one) && kinds.includes(one.kind));
    if (open) {
      throw new AppError(
        'job.wrong-state',
        `the attack ${open.kind} on job ${record.id} is ${open.state} already.`,
      );
    }
    const asked = [...new Set(kinds)].map((kind): JobAttack => ({
      ...{ kind, ...how, state: 'queued', done: 0, total: 0, result: null, error: null },
    }));
    const isWaited = this.of(record).some(isOpen);
    await this.write(record, [
      ...this.of(record).filter(({ kind }) => !kinds.includes(kind)),
      ...asked,
    ]);
    if (!isWaited) await this.tools.backend.queue.add(attackKey(record.id));
  }

  /** Ends what is under way and takes the rest out of the queue. @throws AppError `job.wrong-state` */
  async cancel(record: JobRecord): Promise<void> {
    if (!this.of(record).some(isOpen)) {
      throw new AppError(
        'job.wrong-state',
        `no attack on job ${record.id} is under way: there is nothing to cancel.`,
      );
    }
    const { queue } = this.tools.backend;
    const key = attackKey(record.id);
    await this.end(record);
    if (!(await queue.remove(key))) await queue.cancel(key, cancelled(record));
  }

  /** Whether something of a job's is still to be attacked. */
  isOwed(record: JobRecord): boolean {
    return this.of(record).some(isOpen);
  }

  /** Works on all of a job's attacks that wait. */
  async work(key: string, { cancel, kill }: WorkSignals): Promise<void> {
    const record = await this.tools.find(jobOfKey(key));
    const signal = AbortSignal.any([cancel, kill]);
    for (let next = this.next(record); next && !signal.aborted; next = this.next(record)) {
      await this.attack(record, next, signal);
    }
    await this.tools.backend.runner
      .report(record.id, new AbortController().signal)
      .catch((error: unknown) => {
        this.tools.onTrouble(error);
      });
  }

  private next(record: JobRecord): JobAttack | undefined {
    return this.of(record).find(isOpen);
  }

  private async attack(record: JobRecord, attack: JobAttack, signal: AbortSignal): Promise<void> {
    const change = (news: Partial<JobAttack>) =>
      this.write(
        record,
        this.of(record).map((one) => (one.kind === attack.kind ? { ...one, ...news } : one)),
      );
    await change({ state: 'running', done: 0, total: 0 });
    try {
      const folder = await this.tools.backend.artifacts.checkOut(record.id);
      if (!record.job) throw new AppError('internal.unexpected', 'a job that is done was prepared');
      const question: AttackQuestion = { job: record.job, folder, attack };
      const result = await askProcess(worker, question, {
        ...{ purpose: `the attack ${attack.kind}`, signal },
        onTold: (told) => {
          change(told as Pick<JobAttack, 'done' | 'total'>).catch(this.tools.onTrouble);
        },
      });
      await change({ state: 'done', result: result as AttackResult });
    } catch (error) {
      if (signal.aborted) {
        if (this.isClosing) await change({ state: 'queued' });
        return;
      }
      const { message, remedy } = asAppError(error);
      await change({ state: 'failed', error: messageForFields(message, remedy) });
    }
  }

  /** What is open is cancelled. */
  private async end(record: JobRecord): Promise<void> {
    await this.write(
      record,
      this.of(record).map((one) => (isOpen(one) ? { ...one, state: 'cancelled' } : one)),
    );
  }

  private of({ status }: JobRecord): readonly JobAttack[] {
    return status.current.attacks;
  }

  private async write(record: JobRecord, all: readonly JobAttack[]): Promise<void> {
    await record.status.change({ attacks: [...all] });
    this.tools.onChange(record.id);
  }
}

function cancelled({ id }: JobRecord): AppError {
  return new AppError('job.cancelled', `the attacks on job ${id} were cancelled.`);
}

function requireDone(record: JobRecord): void {
  if (record.state === 'done' && record.job) return;
  throw new AppError(
    'job.wrong-state',
    `job ${record.id} is ${record.state}: only what a finished job made can be attacked.`,
  );
}

function requireKind(kind: string, { job }: JobRecord): void {
  const attack = attacks.find(({ id }) => id === kind);
  if (!attack) {
    const known = attacks.map(({ id }) => id);
    throw new AppError(
      'usage.invalid',
      `there is no attack ${JSON.stringify(kind)}. Choose ${known.join(', ')}.`,
    );
  }
  if (attack.needs === 'paraphrases' && job?.heldBack.length === 0) {
    throw new AppError(
      'usage.invalid',
      `the attack ${kind} asks in wordings that were held back, and this job held back none. Choose another attack, or erase with heldBack.`,
    );
  }
  if (attack.needs === 'given' && job && givenFolders(job).length === 0) {
    throw new AppError(
      'usage.invalid',
      `the attack ${kind} tries to get given pictures back, and this job was given none. Choose another attack, or erase with pictures.`,
    );
  }
  if (attack.needs === 'retain' && job?.retain.length === 0) {
    throw new AppError(
      'usage.invalid',
      `the attack ${kind} trains on pictures of what was kept, and this job has no prompts to keep. Choose another attack, or erase with retain.`,
    );
  }
}
