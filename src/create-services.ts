import type { DeviceView, ModelView } from '../routes/contract.ts';
import { describeModel } from './hosts/describe-model.ts';
import type { Host } from './hosts/host.ts';
import { JobService } from './jobs/job-service.ts';
import { loadPresets, presetFolders } from './presets/load-presets.ts';
import { askProcess } from './processes/ask-process.ts';
import type { Services } from './services.ts';
import { appVersion } from './version.ts';

const devicesWorker = new URL('./runtime/devices-worker.ts', import.meta.url);

/** What the services are made of. */
export interface ServiceEnvironment {
  readonly dataFolder: string;
  readonly host: Host;
  /** The module of the training process, if not the one that trains. */
  readonly trainingWorker?: URL;
}

/** The services over a data folder and a host. Whoever made them opens and closes `jobs`. */
export function createServices({
  dataFolder,
  host,
  trainingWorker,
}: ServiceEnvironment): Services & { readonly jobs: JobService } {
  const devices = onceTried();
  const jobs = new JobService({
    dataFolder,
    host,
    devices,
    ...(trainingWorker && { trainingWorker }),
  });
  return {
    jobs,
    devices,
    health: async () => ({
      status: 'ok',
      name: 'erase-concept',
      version: appVersion,
      uptimeSeconds: process.uptime(),
      host: { kind: host.kind, reachable: await host.isReachable() },
    }),
    models: () => listModels(host, jobs),
    presets: async () => {
      const [shipped = ''] = presetFolders(dataFolder);
      const own = await loadPresets(presetFolders(dataFolder).slice(1));
      const presets = [...(await loadPresets([shipped])).values()];
      return [...presets.filter(({ name }) => !own.has(name)), ...own.values()].map((preset) => ({
        ...preset,
        isOwn: own.has(preset.name),
        needsImages: false,
      }));
    },
  };
}

/** Tries the devices when they are asked for first; each is a process. */
function onceTried(): () => Promise<readonly DeviceView[]> {
  let tried: Promise<readonly DeviceView[]> | null = null;
  return () => {
    tried ??= callChild<DeviceView[]>(devicesWorker, null).catch((error: unknown) => {
      tried = null;
      throw error;
    });
    return tried;
  };
}

async function listModels(host: Host, jobs: JobService): Promise<ModelView[]> {
  const [models, active] = await Promise.all([host.listModels(), host.activeModel()]);
  const makers = await jobs.makers();
  const views: ModelView[] = [];
  // One after the other: headers of hundreds of models are large together.
  for (const model of models) {
    const { concept, ...description } = await describeModel(model);
    views.push({
      name: model.name,
      bytes: model.bytes,
      isActive: model.name === active,
      scrubbed: concept === null ? null : { concept, jobId: makers.get(model.path) ?? null },
      ...description,
    });
  }
  return views;
}
