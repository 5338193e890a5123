import path from 'node:path';

import { mergedTensors } from '../adapters/low-rank/merged-tensors.ts';
import { countedChanges, type Lora, readLora } from '../adapters/low-rank/read-lora.ts';
import { describeRounding, measuringLoss, RoundingLoss } from '../adapters/rounding.ts';
import { PROVENANCE_KEY } from '../checkpoint/provenance.ts';
import type { Checkpoint } from '../families/checkpoint.ts';
import { hashCheckpoint } from '../families/checkpoint-hash.ts';
import { copiesLeftOut } from '../families/open-model-files.ts';
import { writeScrubbedModel } from '../families/scrubbed-model.ts';
import { appVersion } from '../version.ts';
import { companionProvenance, type JobCompanions } from './companions.ts';

/** A LoRA file that goes into a checkpoint's weights. */
interface Merging {
  readonly lora: Lora;
  /** Its file. */
  readonly path: string;
  readonly strength: number;
  /** LoRAs that go into the weights before it. */
  readonly baseLoras: JobCompanions['baseLoras'];
  /** Where the new checkpoint goes. */
  readonly output: string;
  readonly signal: AbortSignal;
}

/**
 * Writes a checkpoint that has a LoRA in its weights, of the original's layout, names and types, whole or not
 * at all; at strength 0, where nothing else goes into it, a copy of the original, byte for byte.
 *
 * @returns what a person should know of it
 * @throws AppError `lora.invalid`, `checkpoint.*`, `output.*`
 */
export async function mergeLora(checkpoint: Checkpoint, merging: Merging): Promise<string> {
  const { lora, strength, baseLoras, output, signal } = merging;
  const { file } = checkpoint;
  if (strength === 0 && baseLoras.length === 0) {
    const unchanged = { source: file, outputPath: output, replaced: new Map(), metadata: {} };
    await writeScrubbedModel({ ...unchanged, signal });
    return 'At strength 0 nothing changes: the result is a copy.';
  }
  const changes = [];
  for (const base of baseLoras) {
    changes.push(...countedChanges(await readLora(base.path, checkpoint), base.strength));
  }
  changes.push(...countedChanges(lora, strength));
  const rounding = new RoundingLoss();
  await writeScrubbedModel({
    source: file,
    outputPath: output,
    replaced: measuringLoss(mergedTensors(checkpoint, changes), file, rounding),
    metadata: { [PROVENANCE_KEY]: JSON.stringify(await provenanceOf(checkpoint, merging)) },
    signal,
  });
  return describeRounding(rounding, true);
}

async function provenanceOf({ file }: Checkpoint, merging: Merging) {
  const { lora, strength, baseLoras } = merging;
  const dropped = copiesLeftOut(file);
  return {
    version: appVersion,
    method: 'merge',
    lora: lora.title,
    strength,
    ...(lora.provenance && { erased: lora.provenance }),
    loraSha256: await hashCheckpoint(path.resolve(merging.path)),
    originalSha256: await hashCheckpoint(file.path),
    ...companionProvenance({ vae: null, baseLoras, embeddings: [] }),
    ...(dropped.length > 0 && { dropped }),
  };
}
