import path from 'node:path';

import { mergedTensors } from '../adapters/low-rank/merged-tensors.ts';
import { countedChanges, type Lora, readLora } from '../adapters/low-rank/read-lora.ts';
import { describeRounding, RoundingLoss } from '../adapters/rounding.ts';
import { chooseFreeName } from '../checkpoint/output-name.ts';
import { modelTitle, resultFolderOf, slugify } from '../checkpoint/output-path.ts';
import { PROVENANCE_KEY } from '../checkpoint/provenance.ts';
import { type Checkpoint, openCheckpoint } from '../families/checkpoint.ts';
import { hashCheckpoint } from '../families/checkpoint-hash.ts';
import { copiesLeftOut } from '../families/model-files.ts';
import { writeScrubbedModel } from '../families/scrubbed-model.ts';
import { prepareOutput } from '../jobs/request/prepare-output.ts';
import { appVersion } from '../version.ts';
import type { Remark } from './terminal.ts';

/** The options of the command `merge`. */
export interface MergeOptions {
  readonly model: string;
  readonly lora: string;
  readonly strength: number;
  readonly out?: string;
  readonly json?: true;
}

/** What the command tells. */
export type MergeTold =
  Remark | { readonly event: 'done'; readonly output: string; readonly seconds: number };

/**
 * Writes a checkpoint that has a LoRA in its weights, of the original's layout, names and types; at strength
 * 0 a copy of the original, byte for byte.
 *
 * @throws AppError `lora.invalid`, `checkpoint.*`, `model.unsupported`, `output.*`
 */
export async function mergeLora(
  { model, lora: loraPath, strength, out }: MergeOptions,
  tell: (event: MergeTold) => void,
  signal: AbortSignal,
): Promise<void> {
  const started = performance.now();
  const checkpoint = await openCheckpoint(path.resolve(model));
  try {
    const lora = await readLora(loraPath, checkpoint);
    const source = checkpoint.file.path;
    const wanted = out ?? (await freeNameFor(checkpoint, lora));
    const output = await prepareOutput(source, { concept: '', wanted });
    await write(checkpoint, { lora, loraPath, strength, output, signal }, tell);
    tell({ event: 'done', output, seconds: (performance.now() - started) / 1000 });
  } finally {
    await checkpoint.close();
  }
}

/** `<model>-with-<LoRA>` beside the model. */
function freeNameFor({ file }: Checkpoint, { title }: Lora): Promise<string> {
  return chooseFreeName({
    folder: resultFolderOf(file.path),
    title: `${modelTitle(file.path)}-with-${slugify(title)}`,
    slug: '',
    ending: file.layout === 'diffusers' ? '' : '.safetensors',
  });
}

interface Merging {
  readonly lora: Lora;
  readonly loraPath: string;
  readonly strength: number;
  readonly output: string;
  readonly signal: AbortSignal;
}

async function write(
  checkpoint: Checkpoint,
  { lora, loraPath, strength, output, signal }: Merging,
  tell: (event: MergeTold) => void,
): Promise<void> {
  const { file } = checkpoint;
  if (strength === 0) {
    const unchanged = { source: file, outputPath: output, replaced: new Map(), metadata: {} };
    await writeScrubbedModel({ ...unchanged, signal });
    tell({ event: 'notice', message: 'At strength 0 nothing changes: the result is a copy.' });
    return;
  }
  const rounding = new RoundingLoss();
  const dropped = copiesLeftOut(file);
  const provenance = {
    version: appVersion,
    method: 'merge',
    lora: lora.title,
    strength,
    ...(lora.provenance && { erased: lora.provenance }),
    loraSha256: await hashCheckpoint(path.resolve(loraPath)),
    originalSha256: await hashCheckpoint(file.path),
    ...(dropped.length > 0 && { dropped }),
  };
  await writeScrubbedModel({
    source: file,
    outputPath: output,
    replaced: mergedTensors(checkpoint, countedChanges(lora, strength), rounding),
    metadata: { [PROVENANCE_KEY]: JSON.stringify(provenance) },
    signal,
  });
  tell({ event: 'notice', message: describeRounding(rounding, true) });
}
