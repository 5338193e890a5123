import type { Gauge, Registry } from 'prom-client';

import { jobStates } from '../contract/job-views.ts';
import type { Metrics } from '../contract/services.ts';
import type { WorkerView } from '../contract/worker-view.ts';
import { devices } from '../runtime/device.ts';
import type { JobRecord } from './job-record.ts';
import { loadOptional } from './optional-packages.ts';
import type { JobBackend } from './ports.ts';

/** All jobs as they are known here. */
interface KnownJobs {
  all(): Promise<readonly JobRecord[]>;
}

type Labels = Readonly<Record<string, string>>;

/** One figure of what there is now, or the same of each of several things. */
interface Figure {
  /** After `erase_concept_`; the unit is last. */
  readonly name: string;
  readonly help: string;
  readonly label?: string;
  readonly read: () => Promise<readonly (readonly [Labels, number])[]>;
}

/**
 * Figures of the jobs, of their workers and of this process, in the text format of Prometheus. They are of the
 * jobs that there are, not counted from a start on: all servers of a queue tell the same.
 *
 * @returns asks for them; throws AppError `package.missing` where prom-client is not installed
 */
export function jobMetrics(jobs: KnownJobs, backend: JobBackend): () => Promise<Metrics> {
  let opening: Promise<Registry> | null = null;
  return async () => {
    opening ??= openRegistry(figuresOf(jobs, backend));
    // It may be installed by the next time.
    opening.catch(() => (opening = null));
    const registry = await opening;
    return { type: registry.contentType, text: await registry.metrics() };
  };
}

/** Its package has 5 MB and takes 0.12 s to load, which is only for who asks. */
async function openRegistry(figures: readonly Figure[]): Promise<Registry> {
  const load = () => import('prom-client');
  const client = await loadOptional(load, ['prom-client'], 'GET /api/metrics');
  const registry = new client.Registry();
  client.collectDefaultMetrics({ register: registry });
  for (const { name, help, label, read } of figures) {
    const gauge: Gauge = new client.Gauge({
      ...{ name: `erase_concept_${name}`, help, registers: [registry] },
      labelNames: label === undefined ? [] : [label],
      collect: async () => {
        const values = await read();
        gauge.reset();
        for (const [labels, value] of values) gauge.set(labels, value);
      },
    });
  }
  return registry;
}

function figuresOf(jobs: KnownJobs, { queue, sharing }: JobBackend): Figure[] {
  const progress = async () =>
    (await jobs.all()).flatMap(({ state, progress: { last } }) =>
      ['training', 'evaluating'].includes(state) && last ? [{ state, ...last }] : [],
    );
  const ofDevices = async (count: (worker: WorkerView) => number) => {
    const all = (await sharing?.workers()) ?? [];
    return devices.map((device): [Labels, number] => [
      { device },
      sum(all.filter((worker) => worker.device === device).map(count)),
    ]);
  };
  const figures: Figure[] = [
    {
      ...{ name: 'jobs', help: 'Jobs that there are, by their state.', label: 'state' },
      read: async () => {
        const all = await jobs.all();
        return jobStates.map((state) => [
          { state },
          all.filter((record) => record.state === state).length,
        ]);
      },
    },
    {
      ...{ name: 'queue_length', help: 'Jobs that wait for their turn.' },
      read: () => Promise.resolve([[{}, queue.waiting().length]]),
    },
    {
      ...{ name: 'failures', help: 'Jobs that failed or were interrupted, by the error code.' },
      label: 'code',
      read: async () => {
        const codes = (await jobs.all()).flatMap(({ state, error }) =>
          ['failed', 'interrupted'].includes(state) && error ? [error.code] : [],
        );
        return [...new Set(codes)].map((code) => [
          { code },
          codes.filter((one) => one === code).length,
        ]);
      },
    },
    {
      ...{ name: 'steps_per_second', help: 'Training steps of all jobs that are in training.' },
      read: async () => {
        const training = (await progress()).filter(({ state }) => state === 'training');
        return [[{}, sum(training.map(({ secondsPerStep }) => 1 / secondsPerStep))]];
      },
    },
    {
      name: 'training_memory_bytes',
      help: 'Resident memory of all training processes, the last reading of each.',
      read: async () => [[{}, sum((await progress()).map(({ memoryBytes = 0 }) => memoryBytes))]],
    },
  ];
  if (sharing) {
    figures.push(
      {
        ...{ name: 'workers', help: 'Workers that are there, by their device.', label: 'device' },
        read: () => ofDevices(() => 1),
      },
      {
        ...{ name: 'worked_jobs', help: 'Jobs that workers have, by their device.' },
        label: 'device',
        read: () => ofDevices((worker) => worker.jobs.length),
      },
    );
  }
  return figures;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
