import type { ModelFiles } from '../model-files.ts';
import type { Architecture } from './architecture.ts';
import type { LdmConfig } from './ldm-config.ts';

/** What the parts of a model are made from. */
export interface Opened {
  readonly file: ModelFiles;
  /** What the configs say that belong to it; undefined if there are none. */
  readonly ldmConfig: LdmConfig | undefined;
  readonly architecture: Architecture;
}
