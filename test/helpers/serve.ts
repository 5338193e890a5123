import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { onTestFinished } from 'vitest';

import type { JobState, JobView } from '../../src/contract/job-views.ts';
import type { JobRequest } from '../../src/contract/requests.ts';

const bin = path.resolve(import.meta.dirname, '../../src/bin.mjs');

/** The sidecar as a person starts it. */
export interface ServedSidecar {
  readonly process: ChildProcess;
  readonly startLink: URL;
  readonly stderr: () => string;
  readonly get: <T>(path: string) => Promise<T>;
  readonly create: (job: JobRequest) => Promise<JobView>;
  readonly reaches: (id: string, isThere: (job: JobView) => boolean) => Promise<JobView>;
}

export const inState =
  (...states: JobState[]) =>
  ({ state }: JobView) =>
    states.includes(state);

/** Starts a sidecar of its own process, which ends with the test; waits for its start link. */
export async function serve(dataFolder: string, args: readonly string[] = []) {
  const child = spawn(
    process.execPath,
    [bin, 'serve', '--port', '0', '--threads', '1', '--data', dataFolder, ...args],
    { stdio: ['pipe', 'pipe', 'pipe'] },
  );
  // Waited for: a process that dies may still write into the folder that the test deletes next.
  onTestFinished(async () => {
    await end(child, 'SIGKILL');
  });
  let stdout = '';
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const startLink = await new Promise<URL>((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      const [link] = /http:\S+/.exec(stdout) ?? [];
      if (link !== undefined && stdout.endsWith('\n')) resolve(new URL(link));
    });
    child.once('exit', (status) => {
      reject(new Error(`ended with ${String(status)}: ${stdout}${stderr}`));
    });
  });
  const headers = { Authorization: `Bearer ${startLink.searchParams.get('token') ?? ''}` };
  const fetchJson = async <T>(route: string, options: RequestInit = {}): Promise<T> => {
    const answer = await fetch(new URL(`/api${route}`, startLink), { headers, ...options });
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
    return (await answer.json()) as T;
  };
  const sidecar: ServedSidecar = {
    process: child,
    startLink,
    stderr: () => stderr,
    get: fetchJson,
    create: (job) => {
      const body = new FormData();
      body.append('job', JSON.stringify(job));
      return fetchJson('/jobs', { method: 'POST', body });
    },
    reaches: async (id, isThere) => {
      for (;;) {
        const job = await fetchJson<JobView>(`/jobs/${id}`);
        if (isThere(job)) return job;
        if (inState('failed', 'cancelled', 'interrupted')(job)) {
          throw new Error(`${job.state}: ${JSON.stringify(job.error)}`);
        }
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    },
  };
  return sidecar;
}

/** Ends a process, if it has not ended, and waits for it: its exit status, null after a signal. */
export async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const ended = once(child, 'exit') as Promise<[number | null]>;
  child.kill(signal);
  return (await ended)[0];
}
