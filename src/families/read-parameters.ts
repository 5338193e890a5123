import type { Checkpoint } from './checkpoint.ts';
import { TensorSet } from '../runtime/tensor-set.ts';
import { floatData, floatTensor } from '../runtime/tensor.ts';

/**
 * The named tensors of a checkpoint as float32, on the host, one at a time from the disk.
 *
 * @param into a set to write to; where it has a tensor on the host already, that memory is used
 */
export async function readParameters(
  { file }: Checkpoint,
  names: Iterable<string>,
  into = new TensorSet(),
): Promise<TensorSet> {
  for (const name of names) {
    const present = into.find(name);
    if (present?.location === 'cpu') {
      await file.readFloat32(name, floatData(present));
    } else {
      const shape = file.tensors.get(name)?.shape ?? [];
      into.put(name, floatTensor(await file.readFloat32(name), shape));
    }
  }
  return into;
}
