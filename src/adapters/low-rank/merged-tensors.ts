import type { ReplacedTensors } from '../../checkpoint/changed-file.ts';
import type { Checkpoint } from '../../families/checkpoint.ts';
import { mergeShapeOf, WeightMerger } from './merge.ts';
import type { LoraChange } from './read-lora.ts';

/** A checkpoint's tensors with changes in them. */
export function mergedTensors(
  { file }: Checkpoint,
  changes: readonly LoraChange[],
): ReplacedTensors {
  const merger = new WeightMerger(changes.map(({ factors }) => mergeShapeOf(factors)));
  const merged = async (tensor: string, ofTensor: readonly LoraChange[]) => {
    const values = await file.readFloat32(tensor);
    for (const change of ofTensor) await addTo(values, change, merger);
    return values;
  };
  // Several layers may be one matrix.
  const byTensor = new Map<string, LoraChange[]>();
  for (const change of changes) {
    byTensor.set(change.tensor, [...(byTensor.get(change.tensor) ?? []), change]);
  }
  return new Map(
    [...byTensor].map(([tensor, ofTensor]) => [tensor, () => merged(tensor, ofTensor)]),
  );
}

/** Changes the weight's rows in place. */
async function addTo(
  values: Float32Array,
  { rows, factors }: LoraChange,
  merger: WeightMerger,
): Promise<void> {
  const columns = factors.down.length / factors.rank;
  const part = rows
    ? values.subarray(rows.from * columns, (rows.from + rows.count) * columns)
    : values;
  part.set(await merger.merge(part.slice(), factors));
}
