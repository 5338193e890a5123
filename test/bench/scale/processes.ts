import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { connectRedis } from '../../../src/jobs/redis/connect.ts';
import { freePort } from '../../helpers/free-port.ts';

const bin = path.resolve(import.meta.dirname, '../../../src/bin.mjs');

/** What the machines of a measurement share, on this one. */
export interface MeasuredFleet {
  readonly folder: string;
  readonly queue: URL;
  /** Starts the program; what it prints comes in lines. */
  start(args: readonly string[], onLine?: (line: string) => void): ChildProcess;
  /** Ends all of it. */
  close(): Promise<void>;
}

/** Starts a redis-server with its append-only file, in a folder of its own. */
export async function openFleet(): Promise<MeasuredFleet> {
  const folder = mkdtempSync(path.join(tmpdir(), 'erase-concept-scale-'));
  const port = await freePort();
  const children: ChildProcess[] = [];
  children.push(
    spawn(
      'redis-server',
      ['--port', String(port), '--dir', folder, '--save', '', '--appendonly', 'yes'],
      { stdio: 'ignore' },
    ),
  );
  const queue = new URL(`redis://127.0.0.1:${port}`);
  for (;;) {
    const redis = await connectRedis(queue).catch(() => null);
    redis?.disconnect();
    if (redis) break;
    await sleep(100);
  }
  return {
    ...{ folder, queue },
    start: (args, onLine = () => undefined) => {
      const child = spawn(process.execPath, [bin, ...args], {
        cwd: folder,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      children.push(child);
      let text = '';
      child.stdout.setEncoding('utf8').on('data', (piece: string) => {
        const lines = (text + piece).split('\n');
        text = lines.pop() ?? '';
        lines.forEach(onLine);
      });
      return child;
    },
    close: async () => {
      for (const child of children.reverse()) {
        if (child.exitCode !== null || child.signalCode !== null) continue;
        const ended = once(child, 'exit');
        child.kill('SIGKILL');
        await ended;
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
