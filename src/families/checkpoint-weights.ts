import path from 'node:path';
import type { Checkpoint } from './family.ts';
import { externalWeights, type WeightSource } from '../models/weights.ts';
import type { GraphBuilder } from '../onnx/graph-builder.ts';

/** The checkpoint's weights in a graph, computed with as float32; `trained` ones are its inputs. */
export function checkpointWeights(
  g: GraphBuilder,
  checkpoint: Pick<Checkpoint, 'file'>,
  trained: readonly string[] = [],
): WeightSource {
  const { file } = checkpoint;
  const folder = weightsFolder(checkpoint);
  const locationOf = (name: string) =>
    path.relative(folder, file.fileOf(name)).split(path.sep).join('/');
  const use = { trained: new Set(trained), computeType: 'float32' } as const;
  return externalWeights(g, file.tensors, locationOf, use);
}

/**
 * The folder that sessions look for the checkpoint's files in: the innermost that has all of them.
 * Those of a folder may be links to files elsewhere, which the runtime does not follow.
 */
export function weightsFolder({ file }: Pick<Checkpoint, 'file'>): string {
  const files = new Set([...file.tensors.keys()].map((name) => file.fileOf(name)));
  let [folder = path.resolve(file.path)] = [...files].map((holder) => path.dirname(holder));
  for (const holder of files) {
    while (!isWithin(holder, folder)) folder = path.dirname(folder);
  }
  return folder;
}

/** Whether a file lies in a folder or further inside; all do in a root, which ends in a separator. */
function isWithin(file: string, folder: string): boolean {
  return folder === path.dirname(folder) || file.startsWith(`${folder}${path.sep}`);
}
