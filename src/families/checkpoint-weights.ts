import path from 'node:path';
import type { TensorStore } from '../checkpoint/tensor-store.ts';
import type { WeightChanges } from './family.ts';
import { externalWeights, type LowRankChange, type WeightSource } from '../models/weights.ts';
import type { GraphBuilder } from '../onnx/graph-builder.ts';

/** Where weights lie. */
type WeightFiles = Pick<TensorStore, 'path' | 'tensors' | 'fileOf'>;

/**
 * The checkpoint's weights in a graph, with what is put on top of them, computed with as float32; `trained`
 * ones are its inputs.
 */
export function checkpointWeights(
  g: GraphBuilder,
  checkpoint: { readonly file: WeightFiles; readonly changes?: WeightChanges },
  trained: readonly string[] = [],
): WeightSource {
  const { file, changes } = checkpoint;
  const folder = weightsFolder(checkpoint);
  const locationOf = (name: string) =>
    path.relative(folder, file.fileOf(name)).split(path.sep).join('/');
  const use = { trained: new Set(trained), computeType: 'float32' } as const;
  const weights = externalWeights(g, file.tensors, locationOf, use);
  return changes ? { ...weights, change: changesIn(g, changes) } : weights;
}

/** The changes as constants of a graph, each when it is first asked for. */
function changesIn(g: GraphBuilder, changes: WeightChanges): WeightSource['change'] {
  const declared = new Map<string, LowRankChange>();
  return (name) => {
    const known = declared.get(name);
    const change = changes.get(name);
    if (known || !change) return known ?? null;
    const { rank, down, up, scale } = change;
    const inGraph = {
      down: g.carried(`${name}.down`, down, [rank, down.length / rank]),
      up: g.carried(`${name}.up`, up, [up.length / rank, rank]),
      ...{ scale, strength: null },
    };
    declared.set(name, inGraph);
    return inGraph;
  };
}

/**
 * The folder that sessions look for the checkpoint's files in: the innermost that has all of them.
 * Those of a folder may be links to files elsewhere, which the runtime does not follow.
 */
export function weightsFolder({ file }: { readonly file: WeightFiles }): string {
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
