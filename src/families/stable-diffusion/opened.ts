import type { WeightChanges } from '../family.ts';
import type { ModelFiles } from '../model-files.ts';
import type { Architecture } from './architecture.ts';
import type { LearnedWord } from './learned-words.ts';
import type { LdmConfig } from './ldm-config.ts';
import type { OpenVae } from './vae-file.ts';

/** What the parts of a model are made from. */
export interface Opened {
  readonly file: ModelFiles;
  /** What the configs say that belong to it; undefined if there are none. */
  readonly ldmConfig: LdmConfig | undefined;
  readonly architecture: Architecture;
  /** What is put on top of its weights wherever they are computed with. */
  readonly changes?: WeightChanges;
  /** Words that were learnt besides those of its text encoders. */
  readonly words: readonly LearnedWord[];
  /** What encodes and draws: its own VAE, or one that was given; null where there is neither. */
  readonly vae: OpenVae | null;
}
