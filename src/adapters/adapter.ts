import type { ReplacedTensors } from '../checkpoint/changed-file.ts';
import type { TensorEntry } from '../checkpoint/tensor-file.ts';
import type { Checkpoint } from '../families/checkpoint.ts';
import type { WeightSource } from '../models/weights.ts';
import type { GraphBuilder } from '../onnx/graph-builder.ts';
import type { Value } from '../onnx/graph.ts';
import type { ParameterSpec } from '../optim/update-graph.ts';
import type { TensorSet } from '../runtime/tensor-set.ts';

/** A checkpoint's weights in a graph that training changes. */
export interface BoundWeights {
  readonly weights: WeightSource;
  /** The graph's input for a parameter, by its name. */
  readonly parameter: (name: string) => Value;
}

/**
 * In what form training changes a checkpoint's weights: by themselves, or by something small beside
 * them. Everything that trains works with its parameters alone.
 */
export interface Adaptation {
  /** What is trained: all of it float32. */
  readonly parameters: readonly ParameterSpec[];
  /**
   * The graph's input, float32 [1], for how many times the change counts: 0 for the original, 1 for the
   * change as it is trained. Null where the change is in the weights, and cannot be told from them.
   */
  readonly strength: string | null;
  /** Frozen weights that are not read from the checkpoint; null where all are. */
  readonly base: Base | null;
  /** Brings the weights into a graph, with the parameters, and the strength, as inputs of it. */
  bind(g: GraphBuilder): BoundWeights;
  /**
   * Values of the parameters with which the model is the original, on the host; the same at every
   * call.
   *
   * @param into a set to write to; where it has a tensor on the host already, its memory is used
   */
  initial(into?: TensorSet): Promise<TensorSet>;
  /** The checkpoint's tensors as these parameters make them. */
  merged(parameters: TensorSet): ReplacedTensors;
  /** The change alone, for web UIs that put it on top of the original; only where it is small. */
  alone?(parameters: TensorSet): ChangeFile;
}

/** Frozen weights in a form of their own. */
export interface Base {
  /** The folder that sessions find them in. */
  readonly folder: string;
  /** What they take in memory. */
  readonly bytes: number;
  /**
   * Makes them, unless an earlier run did. To be awaited before the weights are bound to a session.
   *
   * @returns how far they are from the checkpoint's, relative to their size; null where they were there
   */
  make(): Promise<number | null>;
}

/** A safetensors file in the making: float32 tensors and its metadata. */
export interface ChangeFile {
  readonly entries: readonly TensorEntry[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** A way to change weights. */
export interface Adapter<S> {
  /**
   * @param names the checkpoint's tensors that may change
   * @param settings of the adapter, the job's seed, and a folder that the job may keep files in
   */
  fit(
    checkpoint: Checkpoint,
    names: readonly string[],
    settings: { readonly adapter: S; readonly seed: number; readonly folder: string },
  ): Adaptation;
}
