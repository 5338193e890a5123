import { setInterval } from 'node:timers';
import { setTimeout as sleep } from 'node:timers/promises';
import { io, type Socket } from 'socket.io-client';
import type {
  ClientToServerEvents,
  ErrorBody,
  JobHistory,
  JobView,
  ServerToClientEvents,
} from '../../routes/contract.ts';

// The watchers of `npm run bench:load`, in a process of their own.

/** What the process is told first. */
export interface LoadOrder {
  readonly origin: string;
  readonly token: string;
  readonly id: string;
  readonly sockets: number;
  readonly requestsPerSecond: number;
}

/** What it tells at the end. */
export interface LoadReport {
  readonly requests: number;
  readonly failed: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly sockets: number;
  /** Sockets to which the steps did not come one after the other, or not all. */
  readonly gaps: number;
  readonly processorSeconds: number;
}

type Client = Socket<ServerToClientEvents, ClientToServerEvents>;

process.once('message', (order) => void load(order as LoadOrder));

async function load({ origin, token, id, sockets, requestsPerSecond }: LoadOrder): Promise<void> {
  const watchers = Array.from({ length: sockets }, () => watchJob(origin, token, id));
  const steps = await Promise.all(watchers.map(({ started }) => started));
  const times: number[] = [];
  let failed = 0;
  let sent = 0;
  const paths = ['jobs', `jobs/${id}`, 'models', 'health', 'presets'];
  const ask = async () => {
    const started = performance.now();
    const url = `${origin}/api/${paths[sent++ % paths.length] ?? ''}`;
    const headers = { Authorization: `Bearer ${token}` };
    const isGood = await fetch(url, { headers }).then(
      async (answer) => {
        await answer.arrayBuffer();
        return answer.ok;
      },
      () => false,
    );
    if (!isGood) failed += 1;
    times.push(performance.now() - started);
  };
  const asking = setInterval(() => void ask(), 1000 / requestsPerSecond);
  const before = process.cpuUsage();
  process.send?.('watching');
  await new Promise((resolve) => process.once('message', resolve));
  clearInterval(asking);
  const { user, system } = process.cpuUsage(before);
  const last = Math.max(...steps.map((of) => of.at(-1) ?? 0));
  await whenAllAreAt(steps, last);
  const sorted = times.toSorted((a, b) => a - b);
  const report: LoadReport = {
    requests: times.length,
    failed,
    p50: sorted[Math.floor(0.5 * sorted.length)] ?? Number.NaN,
    p99: sorted[Math.floor(0.99 * sorted.length)] ?? Number.NaN,
    sockets: steps.length,
    gaps: steps.filter((of) => of.length < last || of.some((step, i) => step !== i + 1)).length,
    processorSeconds: (user + system) / 1e6,
  };
  process.send?.(report, () => process.exit());
}

/** What is on its way to some still comes. */
async function whenAllAreAt(steps: readonly (readonly number[])[], last: number): Promise<void> {
  for (let waited = 0; waited < 5000; waited += 100) {
    if (steps.every((of) => of.length >= last)) break;
    await sleep(100);
  }
}

/** Watches a job; gives its steps, those of the past first, to which those that come are added. */
function watchJob(origin: string, token: string, id: string): { started: Promise<number[]> } {
  const socket: Client = io(origin, {
    auth: { token },
    forceNew: true,
    transports: ['websocket'],
  });
  const started = new Promise<number[]>((resolve, reject) => {
    socket.on('connect_error', reject);
    socket.on('connect', () => {
      socket.emit(
        'job:watch',
        { id },
        (reply: { job: JobView; history: JobHistory } | ErrorBody) => {
          if ('error' in reply) {
            reject(new Error(reply.error.message));
            return;
          }
          const steps = reply.history.progress.map(({ step }) => step);
          socket.on('job:progress', ({ step }) => steps.push(step));
          resolve(steps);
        },
      );
    });
  });
  return { started };
}
