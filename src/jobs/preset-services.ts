import type { PresetView } from '../contract/views.ts';
import { AppError } from '../errors.ts';
import { decodePreset, findPreset, listPresets, presetFolders } from '../presets/load-presets.ts';
import { addPreset, deletePreset, importPreset, replacePreset } from '../presets/own-presets.ts';
import { formatPreset, type Preset } from '../presets/preset.ts';
import { CachedAnswer } from '../cached-answer.ts';
import type { PresetServices } from '../contract/services.ts';
import type { JobService } from './job-service.ts';
import { presetFromJob } from './request/preset-from-job.ts';

/** Files that somebody else changes show after this time. */
const LISTING_GOOD_FOR_MS = 3000;

/** The presets: the program's and those of a data folder. */
export function presetServices(dataFolder: string, jobs: JobService): PresetServices {
  const listing = new CachedAnswer(async () => {
    const { presets, faults } = await listPresets(dataFolder);
    return { presets: presets.map(({ preset, isOwn }) => viewPreset(preset, isOwn)), faults };
  }, LISTING_GOOD_FOR_MS);
  /** A change shows at once. */
  const change = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } finally {
      listing.forget();
    }
  };
  const save = (work: () => Promise<Preset>) => change(async () => viewPreset(await work(), true));
  return {
    list: async () => (await listing.get()).presets,
    listFaults: async () => (await listing.get()).faults,
    export: async (name) => formatPreset(await findPreset(presetFolders(dataFolder), name)),
    add: (draft) => save(() => addPreset(dataFolder, draft)),
    addFromJob: async (id, title) => {
      const { job, concept, state } = await jobs.find(id);
      if (!job) {
        throw new AppError(
          'job.wrong-state',
          `job ${id} is ${state}: its settings are known once it is prepared.`,
        );
      }
      return save(() => addPreset(dataFolder, presetFromJob(job, { title, concept })));
    },
    replace: (name, draft) => save(() => replacePreset(dataFolder, name, draft)),
    import: (bytes) => save(async () => importPreset(dataFolder, decodePreset(bytes, 'to import'))),
    delete: (name) => change(() => deletePreset(dataFolder, name)),
  };
}

function viewPreset(preset: Preset, isOwn: boolean): PresetView {
  return { ...preset, isOwn, needsImages: preset.images?.use === 'required' };
}
