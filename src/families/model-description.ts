import type { PredictionReading } from '../diffusion/prediction-reading.ts';
import { elementCount, type Shape } from '../tensor/shape.ts';
import type { TensorStore } from '../checkpoint/tensor-store.ts';

/** What a family tells of one of its models; plain data for JSON. */
export interface ModelDescription {
  /** Its version: `sdxl`. */
  readonly family: string;
  /** Its networks, by what they are called; null for one that it lacks. */
  readonly parts: Readonly<Record<string, PartDescription | readonly PartDescription[] | null>>;
  readonly architecture: ArchitectureDescription;
  /** The config that belongs to it, relative to its folder; null where there is none. */
  readonly configFile: string | null;
  /** Why a concept cannot be erased from it and what to do; null if it can. */
  readonly refusal: string | null;
}

/** What a model looks like, in its family's own terms. */
export interface ArchitectureDescription extends Readonly<Record<string, unknown>> {
  readonly diffusion: Pick<PredictionReading, 'predictionType' | 'zeroTerminalSnr'>;
  readonly prediction: Pick<PredictionReading, 'basis' | 'source' | 'remarks'>;
  /** What nothing tells and was taken as usual, in sentences. */
  readonly assumptions: readonly string[];
}

/** One of the networks in a checkpoint. */
export interface PartDescription {
  readonly parameters: number;
  readonly bytes: number;
  /** Data types of its tensors: `F16`, or several where they differ. */
  readonly precisions: readonly string[];
}

/** Counts what a file holds of a part. */
export function describePart(
  { tensors }: Pick<TensorStore, 'tensors'>,
  { shapes }: { readonly shapes: ReadonlyMap<string, Shape> },
): PartDescription {
  const infos = [...shapes.keys()].flatMap((name) => tensors.get(name) ?? []);
  return {
    parameters: infos.reduce((sum, { shape }) => sum + elementCount(shape), 0),
    bytes: infos.reduce((sum, { byteLength }) => sum + byteLength, 0),
    precisions: precisionsByUse(infos),
  };
}

/** Data types, the one with most bytes first. */
export function precisionsByUse(
  infos: Iterable<{ readonly dtype: string; readonly byteLength: number }>,
): string[] {
  const bytes = new Map<string, number>();
  for (const { dtype, byteLength } of infos) {
    bytes.set(dtype, (bytes.get(dtype) ?? 0) + byteLength);
  }
  return [...bytes].sort(([, a], [, b]) => b - a).map(([dtype]) => dtype);
}
