import type { BackendOptions, JobBackend } from '../ports.ts';
import { FolderArtifacts } from './folder-artifacts.ts';
import { FolderRepository } from './folder-repository.ts';
import { LocalQueue } from './local-queue.ts';
import { ProcessRunner } from './process-runner.ts';

/** Jobs in folders on the disk, a queue in this process, runs in child processes. */
export function localBackend(options: BackendOptions): JobBackend {
  return {
    repository: new FolderRepository(options.dataFolder),
    artifacts: new FolderArtifacts(options.dataFolder),
    queue: new LocalQueue(),
    runner: new ProcessRunner(options),
    sharing: null,
    close: () => Promise.resolve(),
  };
}
