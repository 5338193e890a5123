import type { PresetView } from '../../routes/contract.ts';
import { AppError } from '../errors.ts';
import { findPreset, listPresets, presetFolders } from '../presets/load-presets.ts';
import { addPreset, deletePreset, importPreset, replacePreset } from '../presets/own-presets.ts';
import { formatPreset, type Preset } from '../presets/preset.ts';
import type { PresetServices } from '../services.ts';
import type { JobService } from './job-service.ts';
import { presetFromJob } from './preset-from-job.ts';

/** The presets: the program's and those of a data folder. */
export function presetServices(dataFolder: string, jobs: JobService): PresetServices {
  return {
    list: async () => {
      const { presets } = await listPresets(dataFolder);
      return presets.map(({ preset, isOwn }) => viewPreset(preset, isOwn));
    },
    export: async (name) => formatPreset(await findPreset(presetFolders(dataFolder), name)),
    add: async (draft) => viewPreset(await addPreset(dataFolder, draft), true),
    addFromJob: async (id, title) => {
      const { job, concept, state } = await jobs.find(id);
      if (!job) {
        throw new AppError(
          'job.wrong-state',
          `job ${id} is ${state}: its settings are known once it is prepared.`,
        );
      }
      const preset = await addPreset(dataFolder, presetFromJob(job, { title, concept }));
      return viewPreset(preset, true);
    },
    replace: async (name, draft) => viewPreset(await replacePreset(dataFolder, name, draft), true),
    import: async (text) => viewPreset(await importPreset(dataFolder, text), true),
    delete: (name) => deletePreset(dataFolder, name),
  };
}

function viewPreset(preset: Preset, isOwn: boolean): PresetView {
  return { ...preset, isOwn, needsImages: preset.images?.use === 'required' };
}
