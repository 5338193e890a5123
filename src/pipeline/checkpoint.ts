import path from 'node:path';
import { readArchitecture, type Architecture } from '../checkpoint/architecture.ts';
import { readLdmConfig } from '../checkpoint/ldm-config.ts';
import { externalWeights, type WeightSource } from '../models/weights.ts';
import type { GraphBuilder } from '../onnx/graph-builder.ts';
import { openSafetensors, type SafetensorsFile } from '../checkpoint/safetensors-reader.ts';

/** An opened checkpoint and what its models look like. Close its file when done. */
export interface Checkpoint {
  readonly file: SafetensorsFile;
  readonly architecture: Architecture;
  /** Folder and name as `ExternalData.location` and the session's weights folder want them. */
  readonly folder: string;
  readonly fileName: string;
}

/**
 * Opens a single-file checkpoint read-only and derives its architecture.
 * @throws checkpoint.* for a damaged file, model.unsupported for one that is no Stable Diffusion
 */
export async function openCheckpoint(filePath: string): Promise<Checkpoint> {
  const absolute = path.resolve(filePath);
  const file = await openSafetensors(absolute);
  try {
    const architecture = await readArchitecture(file, await readLdmConfig(absolute));
    const { dir: folder, base: fileName } = path.parse(absolute);
    return { file, architecture, folder, fileName };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** The checkpoint's weights in a graph, computed with as float32; `trained` ones are its inputs. */
export function checkpointWeights(
  g: GraphBuilder,
  { file, fileName }: Checkpoint,
  trained: readonly string[] = [],
): WeightSource {
  const use = { trained: new Set(trained), computeType: 'float32' } as const;
  return externalWeights(g, file.tensors, fileName, use);
}
