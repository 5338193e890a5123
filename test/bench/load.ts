import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { JobView } from '../../src/contract/job-views.ts';
import type { RecordedEvent } from '../../src/erase/events.ts';
import { forkTypescript } from '../../src/processes/fork-typescript.ts';
import { startSidecar } from '../../src/serve.ts';
import type { LoadOrder, LoadReport } from './load-client.ts';
import { medianOf } from './median.ts';

// npm run bench:load [-- --seconds 60] [--rounds 2] [--sockets 200] [--requests 50] [--threads N]
// What watchers cost while a job trains: the tiny model on the default settings, alone and under the
// load by turns. The load comes from a process of its own on the same machine, so its own work is
// part of what training loses. Prints seconds a step, the delay of the server's event loop and
// whether every socket saw every step. A first load that is not counted lets the server's code be
// compiled, as that of a server is that has run for a minute. A machine's own speed may change by more than what is
// measured: many short rounds tell more than few long ones, and say how far they agree.

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    rounds: { type: 'string', default: '2' },
    sockets: { type: 'string', default: '200' },
    requests: { type: 'string', default: '50' },
    threads: { type: 'string', default: String(availableParallelism()) },
  },
});
const seconds = Number(values.seconds);
const rounds = Number(values.rounds);

const WARM_UP_SECONDS = 30;

interface Span {
  readonly isLoaded: boolean;
  /** ms since 1970 */
  readonly from: number;
  readonly to: number;
}

const dataFolder = mkdtempSync(path.join(tmpdir(), 'erase-concept-load-'));
const sidecar = await startSidecar({
  ...{ port: 0, listen: '127.0.0.1', dataFolder, modelFolders: [] },
  threads: Number(values.threads),
  ...{ hostKind: null, hostUrl: null, hostCredentials: null, hostFolder: null, shared: null },
});
const { origin, searchParams } = new URL(sidecar.startLink);
const token = searchParams.get('token') ?? '';
try {
  const id = await startJob();
  await waitForStep(id, 5);
  const warmUp = await startClient(id);
  await sleep(1000 * WARM_UP_SECONDS);
  await warmUp.finish();
  const delays = monitorEventLoopDelay({ resolution: 1 });
  const spans: Span[] = [];
  const reports: LoadReport[] = [];
  let serverSeconds = 0;
  // What changes steadily, as the machine's temperature, adds to both alike.
  const turns = Array.from({ length: rounds }, (_, i) => (i % 2 ? [true, false] : [false, true]));
  for (const isLoaded of turns.flat()) {
    const client = isLoaded ? await startClient(id) : null;
    const from = Date.now();
    if (client) delays.enable();
    const before = process.cpuUsage();
    await sleep(1000 * seconds);
    delays.disable();
    const { user, system } = process.cpuUsage(before);
    if (client) serverSeconds += (user + system) / 1e6;
    spans.push({ isLoaded, from, to: Date.now() });
    if (client) reports.push(await client.finish());
  }
  report(id, spans, { reports, serverSeconds, p99: delays.percentile(99) / 1e6 });
} finally {
  await sidecar.close(AbortSignal.timeout(5000));
  rmSync(dataFolder, { recursive: true, force: true });
}

async function startJob(): Promise<string> {
  const form = new FormData();
  const settings = { steps: 10_000, generatedForget: 16, generatedRetain: 16 };
  const pictures = { sampleEvery: 100_000, evaluationPictures: 0 };
  form.set(
    'job',
    JSON.stringify({
      model: 'tiny-sd.safetensors',
      forget: ['a red heart'],
      settings: { ...settings, ...pictures },
      device: 'cpu',
    }),
  );
  const answer = await fetch(`${origin}/api/jobs`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}` },
    body: form,
  });
  if (answer.status !== 202) throw new Error(await answer.text());
  return ((await answer.json()) as JobView).id;
}

async function waitForStep(id: string, step: number): Promise<void> {
  while (stepTimes(id).length < step) await sleep(500);
}

/** When each step was done, in ms since 1970; from the job's folder, so that asking costs nothing. */
function stepTimes(id: string): number[] {
  const file = path.join(dataFolder, 'jobs', id, 'events.ndjson');
  let text = '';
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    // The job is being prepared.
  }
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as RecordedEvent)
    .filter(({ event }) => event === 'progress')
    .map(({ time }) => Date.parse(time ?? ''));
}

async function startClient(id: string): Promise<{ finish: () => Promise<LoadReport> }> {
  const { process: client } = forkTypescript(new URL('./load-client.ts', import.meta.url));
  const { sockets, requests } = values;
  const order: LoadOrder = {
    ...{ origin, token, id },
    ...{ sockets: Number(sockets), requestsPerSecond: Number(requests) },
  };
  client.send(order);
  // Once all sockets watch.
  await once(client, 'message');
  return {
    finish: async () => {
      client.send('finish');
      const [answer] = (await once(client, 'message')) as [LoadReport];
      return answer;
    },
  };
}

function report(
  id: string,
  spans: readonly Span[],
  {
    reports,
    serverSeconds,
    p99,
  }: { reports: readonly LoadReport[]; serverSeconds: number; p99: number },
): void {
  const times = stepTimes(id);
  const stepsOf = (isLoaded: boolean) =>
    spans.filter((span) => span.isLoaded === isLoaded).map((span) => stepSeconds(times, span));
  const alone = stepsOf(false);
  const loaded = stepsOf(true);
  const slower = alone.map((steps, i) => 100 * (mean(loaded[i] ?? []) / mean(steps) - 1));
  const error = deviation(slower) / Math.sqrt(rounds);
  console.table({
    'seconds a step, alone': `${mean(alone.flat()).toFixed(3)} (${alone.flat().length} steps)`,
    'seconds a step, under load': `${mean(loaded.flat()).toFixed(3)} (${loaded.flat().length} steps)`,
    'slower by': `${mean(slower).toFixed(1)} % ± ${error.toFixed(1)}`,
    'the median step': `${(100 * (medianOf(loaded.flat()) / medianOf(alone.flat()) - 1)).toFixed(1)} %`,
    'in each round': slower.map((percent) => percent.toFixed(1)).join(', '),
    'event loop delay p99': `${p99.toFixed(1)} ms`,
    'processor time of the server': `${(serverSeconds / reports.length).toFixed(1)} s`,
  });
  const sum = (of: (report: LoadReport) => number) => reports.reduce((all, r) => all + of(r), 0);
  const slowest = (of: (report: LoadReport) => number) => Math.max(...reports.map(of)).toFixed(1);
  console.table({
    'requests answered': sum(({ requests, failed }) => requests - failed),
    'requests failed': sum(({ failed }) => failed),
    'answer time p50, slowest round': `${slowest(({ p50 }) => p50)} ms`,
    'answer time p99, slowest round': `${slowest(({ p99: slow }) => slow)} ms`,
    'sockets that watched': sum(({ sockets }) => sockets),
    'sockets that missed a step': sum(({ gaps }) => gaps),
    'processor time of the load itself': `${(sum(({ processorSeconds }) => processorSeconds) / reports.length).toFixed(1)} s`,
  });
}

/** How long each step took that was begun and done within a span. */
function stepSeconds(times: readonly number[], { from, to }: Span): number[] {
  return times.slice(1).flatMap((time, i) => {
    const before = times[i] ?? Number.NaN;
    return before >= from && time <= to ? [(time - before) / 1000] : [];
  });
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, x) => sum + x, 0) / values.length;
}

/** Standard deviation of a sample. */
function deviation(values: readonly number[]): number {
  const center = mean(values);
  const squares = values.reduce((sum, x) => sum + (x - center) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1));
}
