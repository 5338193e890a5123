import type { DeviceView, Health, ModelView } from './contract/views.ts';
import { AppError } from './errors.ts';
import { joinGuesses } from './drawing/drawing-guess.ts';
import { describeModel } from './hosts/describe-model.ts';
import type { Host } from './hosts/host.ts';
import { hostDrawing } from './hosts/host-drawing.ts';
import { defaultTimeouts, type HostTimeouts } from './hosts/host-timeouts.ts';
import { announcedConcepts, eraseRequest } from './jobs/request/draft-upload.ts';
import { chooseCompanions } from './jobs/request/choose-companions.ts';
import { jobBackends } from './jobs/backends.ts';
import { estimateJob } from './jobs/estimate/estimate.ts';
import { companionFiles } from './jobs/companion-files.ts';
import { listJudges } from './jobs/judge-views.ts';
import { OwnFiles } from './jobs/own-files.ts';
import type { JobBackend } from './jobs/ports.ts';
import { jobMetrics } from './jobs/job-metrics.ts';
import { JobService } from './jobs/job-service.ts';
import { makersOf } from './jobs/job-views.ts';
import { presetServices } from './jobs/preset-services.ts';
import { SweepService } from './jobs/sweep/sweep-service.ts';
import { suggestPrompts } from './jobs/request/suggest-prompts.ts';
import { openFolder } from './open-folder.ts';
import { presetFolders } from './presets/load-presets.ts';
import { askProcess } from './processes/ask-process.ts';
import type { Services } from './contract/services.ts';
import { knowledgeServices } from './jobs/knowledge/knowledge-services.ts';
import { wordOf } from './tokenizer/learned-words.ts';
import { appVersion } from './version.ts';

const devicesWorker = new URL('./runtime/devices-worker.ts', import.meta.url);

/** What the services are made of. */
export interface ServiceEnvironment {
  readonly dataFolder: string;
  /** Where jobs are. Default: in the data folder, for this process alone. */
  readonly backend?: JobBackend;
  readonly host: Host;
  /** For training on the CPU. */
  readonly threads: number;
  /** With the host. */
  readonly timeouts?: HostTimeouts;
  /** Shows a folder on the desktop. Default: in its file manager. */
  readonly openFolder?: (folder: string) => Promise<void>;
  /** Told of what fails where nobody waits for it. */
  readonly onTrouble: (error: unknown) => void;
  /** The module of the training process, if not the one that trains. */
  readonly trainingWorker?: URL;
}

/** The services over a data folder and a host. Whoever made them opens and closes `jobs` and `sweeps`. */
export function createServices({
  dataFolder,
  host,
  threads,
  timeouts = defaultTimeouts,
  openFolder: showFolder = openFolder,
  onTrouble,
  trainingWorker,
  backend = jobBackends.local({ dataFolder, ...(trainingWorker && { trainingWorker }) }),
}: ServiceEnvironment): Services & { readonly jobs: JobService; readonly sweeps: SweepService } {
  const devices = onceTried();
  const companions = companionFiles(host, dataFolder);
  const jobs = new JobService({
    dataFolder,
    backend,
    host,
    threads,
    timeouts,
    devices,
    openFolder: showFolder,
    onTrouble,
  });
  const { artifacts, sharing } = backend;
  const isShared = sharing !== null;
  return {
    jobs,
    sweeps: new SweepService({ dataFolder, jobs, artifacts, isShared, onTrouble }),
    devices,
    workers: async () => (await backend.sharing?.workers()) ?? [],
    board: async () => (await backend.sharing?.board()) ?? null,
    metrics: jobMetrics(jobs, backend),
    health: () => healthOf(host, backend),
    models: () => listModels(host, jobs),
    vaes: async () => (await companions.vaes()).map(({ name, isChosen }) => ({ name, isChosen })),
    loras: async () => (await companions.loras()).map(({ name }) => ({ name })),
    embeddings: async () =>
      (await companions.embeddings()).map(({ name, path }) => ({ name, word: wordOf(path) })),
    judges: () => listJudges(dataFolder),
    ownFiles: new OwnFiles(dataFolder),
    presets: presetServices(dataFolder, jobs),
    knowledge: knowledgeServices({ jobs, host, companions, threads }),
    suggest: limited(async ({ model, promptStyle, ...asked }, signal) => {
      const { path } = await jobs.findModel(model);
      return suggestPrompts({ ...asked, model: path, style: promptStyle }, signal);
    }),
    estimate: limited(async (request, signal) => {
      const model = await jobs.findModel(request.model);
      const asked = eraseRequest(request, {
        model,
        threads,
        outputFolder: host.resultFolder(model),
      });
      const { forget, retain } = request.captions;
      const captions = { forget: Object.values(forget), retain: Object.values(retain) };
      return estimateJob(
        {
          ...asked,
          ...(await chooseCompanions(request, companions, model)),
          hostDrawing: await hostDrawing(host, model),
          captions,
          concepts: announcedConcepts(request),
        },
        {
          dataFolder,
          presetFolders: presetFolders(dataFolder),
          chooseDevice: async (wanted) =>
            wanted === 'auto'
              ? ((await devices()).find(({ isDefault }) => isDefault)?.device ?? 'cpu')
              : wanted,
          signal,
        },
      );
    }),
  };
}

async function healthOf(host: Host, { sharing }: JobBackend): Promise<Health> {
  return {
    status: 'ok',
    name: 'erase-concept',
    version: appVersion,
    uptimeSeconds: process.uptime(),
    isShared: sharing !== null,
    host: {
      kind: host.kind,
      reachable: await host.isReachable(),
      canDraw: host.canDraw,
    },
  };
}

/** Questions that are worked on at once; each takes a process with a model in it. */
const MAX_QUESTIONS = 2;

/** Refuses what a busy machine could not bear. */
function limited<Arguments extends readonly unknown[], Answer>(
  work: (...args: Arguments) => Promise<Answer>,
): (...args: Arguments) => Promise<Answer> {
  let count = 0;
  return async (...args) => {
    if (count >= MAX_QUESTIONS) {
      throw new AppError(
        'request.too-many',
        'others are being worked out. Wait until they are done, then ask again.',
      );
    }
    count += 1;
    try {
      return await work(...args);
    } finally {
      count -= 1;
    }
  };
}

/** Tries the devices when they are asked for first; each is a process. */
function onceTried(): () => Promise<readonly DeviceView[]> {
  let tried: Promise<readonly DeviceView[]> | null = null;
  return () => {
    tried ??= tryDevices();
    // The next one who asks has them tried again.
    tried.catch(() => (tried = null));
    return tried;
  };
}

async function tryDevices(): Promise<readonly DeviceView[]> {
  const answer = await askProcess(devicesWorker, null, { purpose: 'trying the devices' });
  return answer as DeviceView[];
}

async function listModels(host: Host, jobs: JobService): Promise<ModelView[]> {
  const [models, active] = await Promise.all([host.listModels(), host.activeModel()]);
  const makers = makersOf(await jobs.all());
  const views: ModelView[] = [];
  // One after the other: headers of hundreds of models are large together.
  for (const model of models) {
    const { concept, drawing, ...description } = await describeModel(model);
    const ofHost = await hostDrawing(host, model);
    const maker = makers.get(model.path);
    views.push({
      name: model.name,
      bytes: model.bytes,
      isActive: model.name === active,
      // What was erased the job says, where the result itself does not.
      scrubbed:
        concept === null ? null : { concept: maker?.concept ?? concept, jobId: maker?.id ?? null },
      ...description,
      drawing: joinGuesses(ofHost, drawing),
    });
  }
  return views;
}
