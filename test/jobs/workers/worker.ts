import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';

import { AppError } from '../../../src/errors.ts';
import { serveWorker } from '../../../src/jobs/local/serve-worker.ts';

/** Ways to end, by the name of a file in the job's folder. */
const behaviours: Record<string, (folder: string, signal: AbortSignal) => Promise<void>> = {
  refuse: () => Promise.reject(new AppError('checkpoint.nan', 'a weight is NaN')),
  fail: () => Promise.reject(new TypeError('a bug')),
  abort: () => Promise.resolve(process.abort()),
  segfault: async () => {
    process.kill(process.pid, 'SIGSEGV');
    await setTimeout(60_000);
  },
  kill: async () => {
    process.kill(process.pid, 'SIGKILL');
    await setTimeout(60_000);
  },
  'bad-alloc': () => {
    process.stderr.write("terminate called after throwing an instance of 'std::bad_alloc'\n");
    return Promise.resolve(process.abort());
  },
  exit: () => Promise.resolve(process.exit(7)),
  hang: () => setTimeout(60_000),
  wait: async (folder, signal) => {
    await setTimeout(60_000, undefined, { signal }).catch(() => undefined);
    await writeFile(path.join(folder, 'state-saved'), '');
    throw new AppError('job.cancelled', 'cancelled');
  },
};

serveWorker(async (folder, { onEvent, signal }) => {
  onEvent({ event: 'phase', phase: 'train' });
  for (const [name, behave] of Object.entries(behaviours)) {
    if (existsSync(path.join(folder, name))) await behave(folder, signal);
  }
  for (let i = 0; i < 200; i++) onEvent({ event: 'notice', message: `line ${i}` });
  onEvent({ event: 'done', output: 'out.safetensors', job: path.basename(folder), seconds: 1 });
});
