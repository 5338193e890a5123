import type { ChangeFile } from '../adapters/adapter.ts';

/** What a method made of a model: the tensors that changed, given out one at a time. */
export interface NewWeights {
  /** New values, row-major, by the tensor's name in the checkpoint. */
  readonly replaced: ReadonlyMap<string, () => Promise<Float32Array>>;
  /** The change alone, where it is small enough to be a file of its own. */
  readonly change: ChangeFile | null;
  /** Outer steps that made them. */
  readonly steps: number;
  /** Once all are written, or none will be. */
  readonly release: () => Promise<void>;
}
