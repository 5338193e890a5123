import { progressOf } from '../jobs/job-progress.ts';
import { FolderRepository } from '../jobs/local/folder-repository.ts';
import { folderOfJob, openJobFolder } from '../jobs/local/job-folder.ts';
import { requireResumable } from '../jobs/local/run-job.ts';
import { StoredFolder } from '../jobs/local/stored-folder.ts';
import { FolderArtifacts } from '../jobs/local/folder-artifacts.ts';
import type { SweepPlace } from '../jobs/sweep/run-sweep.ts';
import { AppError } from '../errors.ts';
import { presetFolders } from '../presets/load-presets.ts';
import type { CliContext } from './context.ts';
import { type Interrupts, untilAborted } from './interrupts.ts';
import { runToTheEnd } from './run-to-the-end.ts';

interface HereOptions {
  readonly dataFolder: string;
  readonly context: CliContext;
  readonly interrupts: Interrupts;
  readonly json: boolean;
}

/** The jobs of a sweep one after the other on this machine, as `erase` and `resume` do them. */
export function sweepHere({ dataFolder, context, interrupts, json }: HereOptions): SweepPlace {
  const artifacts = new FolderArtifacts(dataFolder);
  const open = async (id: string) => openJobFolder(folderOfJob(dataFolder, id), id);
  return {
    concurrency: 1,
    look: async (id) => {
      const folder = await open(id).catch((error: unknown) => {
        if (error instanceof AppError && error.code === 'job.not-found') return null;
        throw error;
      });
      if (!folder) return null;
      const { state } = await new StoredFolder(folder.path).readStatus();
      return {
        ...{ id, isDone: state === 'done', output: folder.job.output },
        progress: progressOf(await folder.readEvents()),
        find: (name) => artifacts.find(id, name),
      };
    },
    // They are written where they belong.
    fetch: () => Promise.resolve(),
    work: async (request, known, onMade) => {
      if (known !== null) {
        const folder = await open(known);
        await untilAborted(requireResumable(folder), interrupts.cancel);
        await runToTheEnd(folder, { context, interrupts, json });
        return;
      }
      // Loaded here, not at the start: other commands need not wait for it.
      const { prepareJob } = await import('../jobs/request/prepare-job.ts');
      const { chooseDevice } = context;
      const place = { dataFolder, presetFolders: presetFolders(dataFolder), chooseDevice };
      const { draft, job } = await untilAborted(prepareJob(request, place), interrupts.cancel);
      const folder = await new FolderRepository(dataFolder).addPrepared(draft, job);
      await onMade(folder.job.id);
      await runToTheEnd(folder, { context, interrupts, json });
    },
  };
}
