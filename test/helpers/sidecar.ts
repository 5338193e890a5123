import { mkdirSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { pino } from 'pino';
import supertest from 'supertest';
import { onTestFinished } from 'vitest';

import type { JobState, JobView } from '../../src/contract/job-views.ts';
import type { JobRequest } from '../../src/contract/requests.ts';
import type { PageFile } from '../../routes/page.ts';
import { createApp } from '../../src/app.ts';
import { createServices } from '../../src/create-services.ts';
import type { Host } from '../../src/hosts/host.ts';
import { openHost } from '../../src/hosts/open-host.ts';
import type { JobBackend } from '../../src/jobs/ports.ts';
import { uploadsFolderOf } from '../../src/jobs/request/draft-upload.ts';
import { checkAnswers } from './check-answers.ts';
import { quickTimeouts } from './quick-timeouts.ts';
import { makeTemporaryFolder } from './temporary-folder.ts';

export const token = 'a-token-that-only-tests-know';
export const bearer = { Authorization: `Bearer ${token}` };

/** A training process that takes a moment for each step and writes an unchanged model. */
export const quickWorker = new URL('../jobs/workers/quick-worker.ts', import.meta.url);

export const tinyModel = 'tiny-sd.safetensors';

/** A job that the quick worker is done with in a second. */
const request: JobRequest = {
  model: tinyModel,
  forget: ['a red heart', 'a photo of a heart'],
  retain: ['a star'],
  device: 'cpu',
  settings: { steps: 10 },
  // Where there is a web UI, it would be measured.
  pictures: 'sidecar',
};

export interface TestSidecar {
  readonly data: string;
  readonly url: string;
  readonly log: () => string;
  /** The folders that it showed on the desktop. */
  readonly opened: readonly string[];
  /** Sends a request with the token. */
  readonly api: (
    method: 'get' | 'post' | 'put' | 'delete',
    path: string,
  ) => ReturnType<ReturnType<typeof supertest>['get']>;
  /** Starts a job. */
  readonly create: (change?: Partial<JobRequest>) => Promise<JobView>;
  /** Waits until a job is in one of the states. */
  readonly reaches: (id: string, ...states: JobState[]) => Promise<JobView>;
  readonly close: () => Promise<void>;
}

interface SidecarOptions {
  readonly data?: string;
  /** Default: none. */
  readonly host?: Host;
  readonly hostUrl?: URL;
  readonly listen?: string;
  readonly requestLimit?: number;
  readonly worker?: URL;
  /** Default: of this process alone. */
  readonly backend?: JobBackend;
  readonly page?: ReadonlyMap<string, PageFile>;
}

/** A sidecar within the test's process, on a port of its own, which ends with the test. */
export async function startTestSidecar(options: SidecarOptions = {}): Promise<TestSidecar> {
  const data = options.data ?? makeTemporaryFolder();
  const uploadsFolder = uploadsFolderOf(data);
  mkdirSync(uploadsFolder, { recursive: true });
  const host =
    options.host ??
    (await openHost({
      ...{ kind: null, url: null, credentials: null, modelFolders: [] },
      dataFolder: data,
    }));
  const opened: string[] = [];
  const services = createServices({
    dataFolder: data,
    host,
    threads: 1,
    timeouts: quickTimeouts,
    openFolder: (folder) => {
      opened.push(folder);
      return Promise.resolve();
    },
    onTrouble: (error) => {
      throw error;
    },
    trainingWorker: options.worker ?? quickWorker,
    ...(options.backend && { backend: options.backend }),
  });
  let log = '';
  const { http, io } = createApp(services, {
    token,
    listen: options.listen ?? '127.0.0.1',
    hostUrl: options.hostUrl ?? null,
    logger: pino({}, { write: (line: string) => (log += line) }),
    loadPage: () => Promise.resolve(options.page ?? new Map<string, PageFile>()),
    uploadsFolder,
    requestLimit: options.requestLimit ?? 100_000,
  });
  checkAnswers(http);
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  await Promise.all([services.jobs.open(), services.sweeps.open()]);
  let isClosed = false;
  const close = async () => {
    if (isClosed) return;
    isClosed = true;
    await services.sweeps.close();
    await Promise.all([io.close(), services.jobs.close(AbortSignal.timeout(5000))]);
  };
  onTestFinished(close);

  const api: TestSidecar['api'] = (method, path) =>
    supertest(url)[method](`/api${path}`).set(bearer);
  const view = async (id: string) => (await api('get', `/jobs/${id}`)).body as JobView;
  return {
    data,
    url,
    log: () => log,
    opened,
    api,
    close,
    create: async (change = {}) => {
      const answer = await api('post', '/jobs').field(
        'job',
        JSON.stringify({ ...request, ...change }),
      );
      if (answer.status !== 202) throw new Error(`${answer.status} ${answer.text}`);
      return answer.body as JobView;
    },
    reaches: async (id, ...states) => {
      for (;;) {
        const job = await view(id);
        if (states.includes(job.state)) return job;
        if (['done', 'failed', 'cancelled', 'interrupted'].includes(job.state)) {
          throw new Error(`${job.state} instead of ${states.join()}: ${JSON.stringify(job.error)}`);
        }
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
  };
}

/** A job's folder. */
export function jobFolderOf({ data }: TestSidecar, id: string): string {
  return join(data, 'jobs', id);
}
