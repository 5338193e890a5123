import type { Shape } from '../../tensor/shape.ts';
import type { WeightChanges } from '../family.ts';
import type { ModelFiles } from '../model-files.ts';
import type { PixelUnetConfig } from './config.ts';
import type { ReadScheduler } from './scheduler.ts';

/** What the parts of a model are made from. */
export interface Opened {
  readonly file: ModelFiles;
  /** Of the UNet's config. */
  readonly configPath: string;
  readonly config: PixelUnetConfig;
  /** Every tensor that the model is run with. */
  readonly shapes: ReadonlyMap<string, Shape>;
  readonly scheduler: ReadScheduler;
  /** What is put on top of its weights wherever they are computed with. */
  readonly changes?: WeightChanges;
}
