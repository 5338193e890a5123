import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { io } from 'socket.io-client';

import { medianOf } from '../median.ts';
import { freePort } from '../../helpers/free-port.ts';
import { openFleet } from './processes.ts';

// npm run bench:pages [-- --jobs 1000] [--pages 50]
// What a server of a queue of many machines takes with so many jobs that wait and pages that watch: how long its list
// of jobs takes, asked for again and again while one job changes each second, and the memory of its process.

const { values } = parseArgs({
  options: {
    jobs: { type: 'string', default: '1000' },
    pages: { type: 'string', default: '50' },
  },
});
const [jobs = 0, pages = 0] = [values.jobs, values.pages].map(Number);

const fleet = await openFleet();
try {
  const port = await freePort();
  const data = path.join(fleet.folder, 'data');
  const place = ['--queue', fleet.queue.href, '--store', path.join(fleet.folder, 'store')];
  const server = await new Promise<ChildProcess>((resolve) => {
    const child = fleet.start(
      ['serve', '--port', String(port), '--data', data, ...place],
      (line) => {
        // It prints its link when it answers.
        if (line.includes('http:')) resolve(child);
      },
    );
  });
  const token = readFileSync(path.join(data, 'token'), 'utf8').trim();
  const headers = { Authorization: `Bearer ${token}` };
  const origin = `http://127.0.0.1:${port}`;
  const ids: string[] = [];
  for (let i = 0; i < jobs; i++) {
    const form = new FormData();
    const job = { model: 'tiny-sd.safetensors', forget: [`a red heart ${i}`], device: 'cpu' };
    form.set('job', JSON.stringify(job));
    const answer = await fetch(`${origin}/api/jobs`, { method: 'POST', headers, body: form });
    if (answer.status !== 202) throw new Error(await answer.text());
    ids.push(((await answer.json()) as { id: string }).id);
  }
  const memory = () => ({
    now: kilobytes(server.pid, 'VmRSS') / 1000,
    most: kilobytes(server.pid, 'VmHWM') / 1000,
  });
  console.log(`${jobs} jobs wait; the server has ${memory().now.toFixed(0)} MB`);
  let lists = 0;
  const sockets = Array.from({ length: pages }, () => {
    const socket = io(origin, { auth: { token }, transports: ['websocket'], forceNew: true });
    socket.on('jobs:list', () => (lists += 1));
    socket.on('connect', () => socket.emit('job:watch', { id: ids[0] }, () => undefined));
    return socket;
  });
  await sleep(5000);
  const times: number[] = [];
  const from = performance.now();
  for (let i = 0; i < 30; i++) {
    const started = performance.now();
    const answer = await fetch(`${origin}/api/jobs`, { headers });
    const list = (await answer.json()) as unknown[];
    times.push(performance.now() - started);
    if (list.length !== jobs) throw new Error(`${list.length} jobs in the list, not ${jobs}`);
    const action = i % 2 === 0 ? 'cancel' : 'resume';
    await fetch(`${origin}/api/jobs/${ids[1] ?? ''}/${action}`, { method: 'POST', headers });
    await sleep(Math.max(0, 1000 * (i + 1) - (performance.now() - from)));
  }
  times.sort((a, b) => a - b);
  const { now, most } = memory();
  console.table({
    'list of jobs, median, ms': medianOf(times).toFixed(0),
    'list of jobs, slowest of 30, ms': times.at(-1)?.toFixed(0),
    'memory of the server, MB': now.toFixed(0),
    'the most that it had, MB': most.toFixed(0),
    'lists sent to pages': lists,
  });
  for (const socket of sockets) socket.disconnect();
} finally {
  await fleet.close();
}

function kilobytes(pid: number | undefined, what: string): number {
  const status = readFileSync(`/proc/${pid ?? 0}/status`, 'utf8');
  return Number(new RegExp(`${what}:\\s+(\\d+)`).exec(status)?.[1]);
}
