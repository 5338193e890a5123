import path from 'node:path';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { externalWeights, type WeightSource } from '../models/weights.ts';
import type { GraphBuilder } from '../onnx/graph-builder.ts';

/** The checkpoint's weights in a graph, computed with as float32; `trained` ones are its inputs. */
export function checkpointWeights(
  g: GraphBuilder,
  { file }: Checkpoint,
  trained: readonly string[] = [],
): WeightSource {
  const use = { trained: new Set(trained), computeType: 'float32' } as const;
  return externalWeights(g, file.tensors, path.basename(file.path), use);
}

/** The folder that sessions look for the checkpoint's file in. */
export function weightsFolder({ file }: Checkpoint): string {
  return path.dirname(path.resolve(file.path));
}
