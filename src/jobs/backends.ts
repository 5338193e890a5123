import { localBackend } from './local/backend.ts';
import type { BackendOptions, JobBackend } from './ports.ts';

/** What jobs can be kept and run with, by name. */
export const jobBackends = {
  local: localBackend,
} as const satisfies Record<string, (options: BackendOptions) => JobBackend>;
