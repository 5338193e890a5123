import path from 'node:path';

import { type Lora, readLora } from '../adapters/low-rank/read-lora.ts';
import { chooseFreeName } from '../checkpoint/output-name.ts';
import { modelTitle, resultFolderOf, slugify } from '../checkpoint/output-path.ts';
import { mergeLora } from '../erase/merge-lora.ts';
import { type Checkpoint, openCheckpoint } from '../families/checkpoint.ts';
import { prepareOutput } from '../jobs/request/prepare-output.ts';
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
export async function mergeIntoFile(
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
    const message = await mergeLora(checkpoint, {
      ...{ lora, path: loraPath, strength, baseLoras: [], output, signal },
    });
    tell({ event: 'notice', message });
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
