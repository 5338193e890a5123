import { createGenerator } from '../../../src/tensor/random.ts';
import { Agenda } from './agenda.ts';
import type { Measured } from './measured.ts';
import { SharedLink } from './shared-link.ts';

// Workers, their Redis and their store as a simulation of what happens next: jobs come, models are fetched,
// steps trained, states stored; workers die. Nothing of the program runs; what its parts take was measured.

/** What is simulated. */
export interface Fleet {
  readonly workers: number;
  readonly servers: number;
  readonly hours: number;
  /** Jobs that come, as a share of what the workers could do if nothing were in their way. */
  readonly load: number;
  readonly steps: number;
  readonly secondsPerStep: number;
  /** Different models, chosen alike often; each worker keeps all that it had. */
  readonly models: number;
  readonly modelBytes: number;
  /** A result, and a saved state as it is stored. */
  readonly resultBytes: number;
  readonly stateBytes: number;
  /** A state is stored so often at most. */
  readonly saveSeconds: number;
  /** Bytes a second to and from the store: of all together, and of one worker. */
  readonly storeRate: number;
  readonly linkRate: number;
  /** Hours that a worker works until it dies, on average. */
  readonly hoursToDeath: number;
  /** Until another worker may have a dead one's job, and until the dead one is back. */
  readonly takeoverSeconds: number;
  readonly rebootSeconds: number;
  readonly seed: number;
}

/** What came of it. */
export interface Outcome {
  readonly jobsPerHour: number;
  /** Jobs done, as a share of what the workers could do if nothing were in their way. */
  readonly used: number;
  /** From the request to a worker. */
  readonly meanWaitSeconds: number;
  readonly lateWaitSeconds: number;
  readonly bytesPerHour: number;
  /** Of what the store can move. */
  readonly storeUsed: number;
  readonly deaths: number;
  /** Steps that were done again, of all. */
  readonly repeated: number;
  /** Of one core, which is all that Redis uses. */
  readonly redisUsed: number;
}

/** Storing states takes so much of the time at most: `WorkerRunner`. */
const STORING_SHARE = 0.05;
/** A job that has waited for so long goes before those whose model a worker has: `inOrder`. */
const PATIENCE_SECONDS = 600;
/** How often a worker tells of itself, a server looks which jobs wait, and which there are. */
const TELL_SECONDS = 3;
const LOOK_SECONDS = 2;
const LIST_SECONDS = 5;

interface Job {
  readonly came: number;
  readonly model: number;
  /** Steps whose state is stored. */
  stored: number;
}

interface Worker {
  readonly models: Set<number>;
  idleSince: number;
}

/** Work of a worker on a job: void once the worker has died. */
interface Run {
  readonly worker: Worker;
  readonly job: Job;
  readonly began: number;
  /** Steps that were stored before. */
  readonly from: number;
  trainingSince: number | null;
  isOver: boolean;
}

/** Has a fleet work for some hours. */
export function simulate(fleet: Fleet, { microseconds }: Pick<Measured, 'microseconds'>): Outcome {
  return new Simulation(fleet, microseconds).run();
}

class Simulation {
  private readonly fleet: Fleet;
  private readonly costs: Measured['microseconds'];
  private readonly agenda = new Agenda();
  private readonly link: SharedLink;
  private readonly random: () => number;
  /** Jobs that wait, by their models, each model's in their order; */
  private readonly waitingOf: Job[][];
  private waiting = 0;
  /** and how many came. */
  private come = 0;
  private readonly idle: Worker[] = [];
  private readonly waits: number[] = [];
  private readonly total = { done: 0, deaths: 0, repeated: 0, redis: 0 };

  constructor(fleet: Fleet, costs: Measured['microseconds']) {
    this.fleet = fleet;
    this.costs = costs;
    this.link = new SharedLink(this.agenda, { all: fleet.storeRate, one: fleet.linkRate });
    const generator = createGenerator(fleet.seed);
    this.random = () => generator.uniform(1)[0]!;
    this.waitingOf = Array.from({ length: fleet.models }, () => []);
  }

  run(): Outcome {
    const { workers, servers, hours, storeRate } = this.fleet;
    const seconds = 3600 * hours;
    for (let i = 0; i < workers; i++) this.rest({ models: new Set(), idleSince: 0 });
    this.agenda.in(this.exponential(this.jobSeconds / (workers * this.fleet.load)), () => {
      this.arrive();
    });
    this.repeat(LOOK_SECONDS, () => {
      this.spend('lookPerJob', servers * (this.waiting + workers - this.idle.length));
    });
    this.repeat(LIST_SECONDS, () => {
      this.spend('listPerJob', servers * this.come);
    });
    this.agenda.runUntil(seconds);
    for (const worker of this.idle) this.endIdling(worker);
    this.spend('tell', (workers * seconds) / TELL_SECONDS);
    const { done, deaths, repeated, redis } = this.total;
    const waits = this.waits.toSorted((a, b) => a - b);
    return {
      jobsPerHour: done / hours,
      used: (done * this.jobSeconds) / (workers * seconds),
      meanWaitSeconds: waits.reduce((sum, wait) => sum + wait, 0) / waits.length,
      lateWaitSeconds: waits[Math.floor(0.95 * waits.length)] ?? 0,
      bytesPerHour: this.link.bytes / hours,
      storeUsed: this.link.bytes / (storeRate * seconds),
      deaths,
      repeated: repeated / (done * this.fleet.steps),
      redisUsed: redis / seconds,
    };
  }

  /** Of a job that is alone. */
  private get jobSeconds(): number {
    return this.fleet.steps * this.fleet.secondsPerStep;
  }

  private arrive(): void {
    const { models, workers, load } = this.fleet;
    const model = Math.floor(this.random() * models);
    this.come += 1;
    this.wait({ came: this.agenda.now, model, stored: 0 });
    this.spend('add');
    this.agenda.in(this.exponential(this.jobSeconds / (workers * load)), () => {
      this.arrive();
    });
  }

  private rest(worker: Worker): void {
    worker.idleSince = this.agenda.now;
    this.idle.push(worker);
    this.dispatch();
  }

  private endIdling({ idleSince }: Worker): void {
    this.spend('look', this.agenda.now - idleSince);
  }

  /** What a dead worker had came before all that wait of its model. */
  private wait(job: Job): void {
    const queue = this.waitingOf[job.model]!;
    if (job.came < (queue[0]?.came ?? Infinity)) queue.unshift(job);
    else queue.push(job);
    this.waiting += 1;
    this.dispatch();
  }

  private dispatch(): void {
    while (this.waiting > 0 && this.idle.length > 0) {
      const worker = this.idle.shift()!;
      this.begin(worker, this.nextFor(worker));
    }
  }

  /** One that has waited too long, else one whose model is here, else any: the oldest of them. */
  private nextFor({ models }: Worker): Job {
    const first = this.waitingOf.filter((queue) => queue.length > 0);
    const late = this.agenda.now - PATIENCE_SECONDS;
    const rank = ([job]: Job[]) => {
      if (job!.came < late) return job!.came - late;
      return models.has(job!.model) ? 0 : 1;
    };
    const ranked = first.sort((a, b) => rank(a) - rank(b) || a[0]!.came - b[0]!.came);
    this.waiting -= 1;
    return ranked[0]!.shift()!;
  }

  private begin(worker: Worker, job: Job): void {
    const { now } = this.agenda;
    this.endIdling(worker);
    if (job.stored === 0) this.waits.push(now - job.came);
    this.spend('take');
    const run: Run = {
      ...{ worker, job, began: now, from: job.stored, trainingSince: null, isOver: false },
    };
    this.agenda.in(this.exponential(3600 * this.fleet.hoursToDeath), () => {
      if (!run.isOver) this.die(run);
    });
    const isHere = worker.models.has(job.model);
    worker.models.add(job.model);
    const model = isHere ? 0 : this.fleet.modelBytes;
    const state = job.stored > 0 ? this.fleet.stateBytes : 0;
    this.move(run, model + state, () => {
      this.train(run);
    });
  }

  private train(run: Run): void {
    const { steps, secondsPerStep, resultBytes } = this.fleet;
    run.trainingSince = this.agenda.now;
    this.save(run);
    this.while(run, (steps - run.from) * secondsPerStep, () => {
      // A server fetches what the worker has stored.
      this.move(run, resultBytes, () => {
        this.link.move(resultBytes, () => undefined);
        this.finish(run);
      });
    });
  }

  /** Stores a state beside the training, again and again. */
  private save(run: Run): void {
    this.while(run, this.fleet.saveSeconds, () => {
      const steps = this.stepsOf(run);
      if (steps === this.fleet.steps) return;
      const from = this.agenda.now;
      this.move(run, this.fleet.stateBytes, () => {
        run.job.stored = steps;
        const pause = (this.agenda.now - from) / STORING_SHARE - this.fleet.saveSeconds;
        this.while(run, Math.max(0, pause), () => {
          this.save(run);
        });
      });
    });
  }

  /** Done by now, stored or not. */
  private stepsOf({ from, trainingSince }: Run): number {
    if (trainingSince === null) return from;
    const { steps, secondsPerStep } = this.fleet;
    return Math.min(steps, from + Math.floor((this.agenda.now - trainingSince) / secondsPerStep));
  }

  private finish(run: Run): void {
    const { steps, servers } = this.fleet;
    this.total.done += 1;
    this.spend('step', steps);
    this.spend('follow', steps * servers);
    this.spend('finish');
    this.end(run);
    this.rest(run.worker);
  }

  private die(run: Run): void {
    const { takeoverSeconds, rebootSeconds } = this.fleet;
    const { worker, job } = run;
    this.end(run);
    this.total.deaths += 1;
    this.total.repeated += this.stepsOf(run) - job.stored;
    this.agenda.in(takeoverSeconds, () => {
      this.wait(job);
    });
    this.agenda.in(rebootSeconds, () => {
      this.rest(worker);
    });
  }

  private end(run: Run): void {
    run.isOver = true;
    this.spend('beat', this.agenda.now - run.began);
  }

  private move(run: Run, bytes: number, then: () => void): void {
    const next = () => {
      if (!run.isOver) then();
    };
    if (bytes === 0) next();
    else this.link.move(bytes, next);
  }

  private while(run: Run, seconds: number, then: () => void): void {
    this.agenda.in(seconds, () => {
      if (!run.isOver) then();
    });
  }

  private repeat(seconds: number, work: () => void): void {
    this.agenda.in(seconds, () => {
      work();
      this.repeat(seconds, work);
    });
  }

  private exponential(mean: number): number {
    return -Math.log(1 - this.random()) * mean;
  }

  private spend(what: keyof Measured['microseconds'], times = 1): void {
    this.total.redis += (this.costs[what] * times) / 1e6;
  }
}
