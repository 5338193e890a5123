import { mkdir, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';

import { readAccessToken } from './access-token.ts';
import { type App, createApp } from './app.ts';
import { createServices } from './create-services.ts';
import { AppError } from './errors.ts';
import type { HostKind } from './hosts/detect.ts';
import { openHost } from './hosts/open-host.ts';
import { uploadsFolderOf } from './jobs/request/draft-upload.ts';
import { acquireJobLock } from './jobs/local/job-lock.ts';
import type { JobBackend } from './jobs/ports.ts';
import type { SharedPlace } from './jobs/redis/server-backend.ts';
import type { ProcessLock } from './processes/process-lock.ts';
import { loadPage } from './load-page.ts';
import { openServerLog } from './server-log.ts';
import { systemErrorCode } from './system-error.ts';

/** How a sidecar is started. */
export interface ServeOptions {
  /** 0 for any that is free. */
  readonly port: number;
  /** The address to listen on. */
  readonly listen: string;
  readonly dataFolder: string;
  readonly modelFolders: readonly string[];
  /** For training on the CPU. */
  readonly threads: number;
  /** Null: what answers at its address, or none where there is no address either. */
  readonly hostKind: HostKind | null;
  readonly hostUrl: URL | null;
  /** `user:password` of the host; null where it asks for none. */
  readonly hostCredentials: string | null;
  /** That the host runs in; null where it is not known. */
  readonly hostFolder: string | null;
  /** What many machines share; null: all jobs are this process's. */
  readonly shared: Omit<SharedPlace, 'dataFolder'> | null;
  /** The module of the training process, if not the one that trains. */
  readonly trainingWorker?: URL;
}

/** A sidecar that listens. */
export interface Sidecar {
  /** The address that opens the page for whoever has it. */
  readonly startLink: string;
  /**
   * Ends it: what trains saves its state and goes on at the next start.
   *
   * @param hurry aborted to kill training processes that have not ended; a minute does it too
   */
  readonly close: (hurry?: AbortSignal) => Promise<void>;
}

/** A step of a large model takes up to a minute on a CPU, its state some seconds. */
const SHUTDOWN_PATIENCE_MS = 60_000;

/**
 * Starts the sidecar; jobs go on once it listens.
 *
 * @throws AppError `data.in-use`, `address.taken`, `output.unwritable`
 */
export async function startSidecar(options: ServeOptions): Promise<Sidecar> {
  const { dataFolder, hostUrl, listen } = options;
  const ownToken = await readAccessToken(dataFolder);
  const lock = await lockData(dataFolder);
  try {
    const backend = await openShared(options);
    const token = (await backend?.sharing?.agreeOnToken(ownToken)) ?? ownToken;
    const uploadsFolder = uploadsFolderOf(dataFolder);
    // Of requests that a killed server had not finished.
    await rm(uploadsFolder, { recursive: true, force: true });
    await mkdir(uploadsFolder);
    const host = await openHost({
      kind: options.hostKind,
      url: hostUrl,
      credentials: options.hostCredentials,
      folder: options.hostFolder,
      modelFolders: options.modelFolders,
      dataFolder,
    });
    const log = openServerLog(dataFolder);
    const services = createServices({
      ...{ dataFolder, host, threads: options.threads },
      ...(backend && { backend }),
      onTrouble: (error) => {
        log.logger.error({ err: error }, 'a job could not be told how it ended');
      },
      ...(options.trainingWorker && { trainingWorker: options.trainingWorker }),
    });
    const app = createApp(services, {
      ...{ token, listen, hostUrl, uploadsFolder, isShared: backend !== null },
      logger: log.logger,
      loadPage,
    });
    const port = await listenOn(app, options);
    const opening = Promise.all([services.jobs.open(), services.sweeps.open()]);
    const opened = opening.catch((error: unknown) => {
      log.logger.error({ err: error }, 'the jobs cannot be read');
    });
    return {
      startLink: `http://${addressName(listen)}:${port}/?token=${token}`,
      close: async (hurry = new AbortController().signal) => {
        await opened;
        const patience = AbortSignal.any([hurry, AbortSignal.timeout(SHUTDOWN_PATIENCE_MS)]);
        await services.sweeps.close();
        await Promise.all([closeConnections(app), services.jobs.close(patience)]);
        log.close();
        await lock.release();
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** Loaded only where it is asked for: one machine needs no part of it. */
async function openShared({ dataFolder, shared }: ServeOptions): Promise<JobBackend | null> {
  if (!shared) return null;
  const { openServerBackend } = await import('./jobs/redis/server-backend.ts');
  return openServerBackend({ dataFolder, ...shared });
}

/** Two servers would run the same jobs. */
async function lockData(dataFolder: string): Promise<ProcessLock> {
  try {
    return await acquireJobLock(dataFolder, process.pid);
  } catch (cause) {
    if (!(cause instanceof AppError)) throw cause;
    throw new AppError(
      'data.in-use',
      `another sidecar uses the data folder "${dataFolder}". Open that one's page, end it first, or choose another folder with --data.`,
      { cause },
    );
  }
}

async function listenOn({ http }: App, { port, listen }: ServeOptions): Promise<number> {
  try {
    http.listen(port, listen);
    await once(http, 'listening');
  } catch (cause) {
    const code = systemErrorCode(cause) ?? String(cause);
    throw new AppError(
      'address.taken',
      code === 'EADDRINUSE'
        ? `port ${port} of ${listen} is taken by another program. End it, or choose another one with --port.`
        : `the sidecar cannot listen on ${listen}, port ${port} (${code}). Choose others with --listen and --port.`,
      { cause },
    );
  }
  return (http.address() as AddressInfo).port;
}

async function closeConnections({ http, io }: App): Promise<void> {
  // Closes the server too; requests under way are answered.
  const closed = io.close();
  http.closeIdleConnections();
  const impatience = setTimeout(() => {
    http.closeAllConnections();
  }, 5000);
  await closed;
  clearTimeout(impatience);
}

/** What a person on this machine types for an address. */
function addressName(listen: string): string {
  if (listen === '0.0.0.0' || listen === '::') return 'localhost';
  return listen.includes(':') ? `[${listen}]` : listen;
}
