import { Agent, get } from 'node:http';
import { setInterval } from 'node:timers';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import type { JobHistory } from '../../src/contract/job-views.ts';
import type { ErrorBody } from '../../src/contract/views.ts';

// The watchers of `npm run bench:load`, in a process of their own. They stand for other machines:
// plain HTTP and WebSocket clients, which take little of the one that trains.

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

process.once('message', (order) => void load(order as LoadOrder));
// Left alone it would ask a server that is gone, and spoil the next measurement.
process.once('disconnect', () => process.exit());

async function load({ origin, token, id, sockets, requestsPerSecond }: LoadOrder): Promise<void> {
  const watchers = Array.from({ length: sockets }, () => watchJob(origin, token, id));
  const steps = await Promise.all(watchers.map(({ started }) => started));
  const times: number[] = [];
  let failed = 0;
  let sent = 0;
  const paths = ['jobs', `jobs/${id}`, 'models', 'health', 'presets'];
  const agent = new Agent({ keepAlive: true });
  const headers = { Authorization: `Bearer ${token}` };
  const ask = () => {
    const started = performance.now();
    const end = (isGood: boolean) => {
      if (!isGood) failed += 1;
      times.push(performance.now() - started);
    };
    const url = `${origin}/api/${paths[sent++ % paths.length] ?? ''}`;
    get(url, { agent, headers }, (answer) => {
      answer.resume();
      answer.on('end', () => {
        end(answer.statusCode === 200);
      });
    }).on('error', () => {
      end(false);
    });
  };
  const asking = setInterval(ask, 1000 / requestsPerSecond);
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

const PROGRESS = '42["job:progress",';
const ANSWER = '430[';

/**
 * Watches a job, in socket.io's own protocol (version 5, over engine.io 4); gives its steps, those
 * of the past first, to which those that come are added.
 */
function watchJob(origin: string, token: string, id: string): { started: Promise<number[]> } {
  const address = new URL('/socket.io/?EIO=4&transport=websocket', origin);
  address.protocol = 'ws';
  const socket = new WebSocket(address, { perMessageDeflate: false });
  const steps: number[] = [];
  const started = new Promise<number[]>((resolve, reject) => {
    socket.on('error', reject);
    socket.on('message', (data: Buffer) => {
      const text = data.toString('latin1');
      if (text.startsWith(PROGRESS)) {
        const [point] = JSON.parse(`[${text.slice(PROGRESS.length)}`) as [{ step: number }];
        steps.push(point.step);
      } else if (text.startsWith('0')) socket.send(`40${JSON.stringify({ token })}`);
      else if (text.startsWith('40')) socket.send(`420${JSON.stringify(['job:watch', { id }])}`);
      else if (text === '2') socket.send('3');
      else if (text.startsWith('44')) reject(new Error(text));
      else if (text.startsWith(ANSWER)) {
        const [reply] = JSON.parse(`[${text.slice(ANSWER.length)}`) as [
          { readonly history: JobHistory } | ErrorBody,
        ];
        if ('error' in reply) reject(new Error(reply.error.message));
        else {
          steps.push(...reply.history.progress.map(({ step }) => step));
          resolve(steps);
        }
      }
    });
  });
  return { started };
}
