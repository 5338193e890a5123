import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';

import { connectRedis } from '../../src/jobs/redis/connect.ts';
import { freePort } from './free-port.ts';
import { makeTemporaryFolder } from './temporary-folder.ts';

const programs = ['valkey-server', 'redis-server'];

/** The server that is installed; undefined for none. */
const program = programs.find(
  (name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0,
);

/** Whether these tests can run; where not, it says what is missing. On CI they fail instead. */
export const hasRedis = program !== undefined || process.env.CI !== undefined;
if (!hasRedis) {
  console.log(
    'There is no valkey-server or redis-server: what needs one does not run. On Debian: apt-get install redis-server',
  );
}

/** A server of Redis or Valkey that ends with the test. */
export interface RedisServer {
  readonly url: URL;
  readonly process: () => ChildProcess;
  /** Kills it. */
  readonly kill: () => Promise<void>;
  /** Starts it again with what it has on its disk. */
  readonly start: () => Promise<void>;
}

/**
 * Starts a server of its own that writes each command to its disk.
 *
 * @param args more of its options
 * @param password what it asks for. Default: nothing
 */
export async function startRedis(
  args: readonly string[] = [],
  password = '',
): Promise<RedisServer> {
  if (program === undefined) throw new Error('there is no valkey-server or redis-server');
  const port = await freePort();
  const folder = makeTemporaryFolder();
  const url = new URL(`redis://127.0.0.1:${port}`);
  url.password = password;
  let child: ChildProcess | null = null;
  const start = async () => {
    const options = ['--port', String(port), '--dir', folder, '--save', '', '--appendonly', 'yes'];
    if (password !== '') options.push('--requirepass', password);
    child = spawn(program, [...options, '--appendfsync', 'everysec', ...args], {
      stdio: 'ignore',
    });
    for (;;) {
      const redis = await connectRedis(url).catch(() => null);
      redis?.disconnect();
      if (redis) return;
      await sleep(20);
    }
  };
  const kill = async () => {
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  };
  await start();
  onTestFinished(kill);
  return { url, process: () => child!, kill, start };
}
