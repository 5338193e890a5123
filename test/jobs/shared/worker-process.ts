import { startWorker, type WorkerOptions } from '../../../src/jobs/redis/start-worker.ts';

// A worker as a process of its own, which a test can kill or stop. Its options come as a message.

/** What the process is told. */
export type WorkerOrder = Omit<
  WorkerOptions,
  'onTrouble' | 'onJobs' | 'queue' | 'trainingWorker'
> & {
  readonly queue: string;
  readonly trainingWorker: string | null;
};

process.once('message', (order: WorkerOrder) => {
  void start(order);
});

async function start({ queue, trainingWorker, ...options }: WorkerOrder): Promise<void> {
  await startWorker({
    ...options,
    queue: new URL(queue),
    ...(trainingWorker !== null && { trainingWorker: new URL(trainingWorker) }),
    onTrouble: (error) => {
      process.send?.({ trouble: error instanceof Error ? error.message : String(error) });
    },
    onJobs: (jobs) => {
      process.send?.({ jobs });
    },
  });
  process.send?.({ isReady: true });
}
