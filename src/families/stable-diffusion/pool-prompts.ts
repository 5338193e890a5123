import type { Opened } from './opened.ts';
import { AppError } from '../../errors.ts';
import { buildClipText } from './clip-text.ts';
import { GraphBuilder } from '../../onnx/graph-builder.ts';
import { GraphSession, type Device } from '../../runtime/session.ts';
import { floatData, intTensor } from '../../runtime/tensor.ts';
import { splitRows } from '../../tensor/rows.ts';
import { chunkPrompt } from '../../tokenizer/prompt-chunks.ts';
import { checkpointWeights, weightsFolder } from '../checkpoint-weights.ts';
import { rowsOf } from './learned-words.ts';
import { openTokenizers } from './open-tokenizer.ts';

/** Prompts of one run of the text encoder: more are no faster for each. */
const promptsAtOnce = 16;

/**
 * What the checkpoint's first text encoder makes of each prompt as a whole: float32 [C], the state at
 * its end token, of length 1. The encoder is causal, so that no more tokens need be computed than the
 * longest prompt has: a fifth of the usual 77 for short ones. Of a prompt longer than 77 tokens only
 * the first 77 count.
 */
export async function poolPrompts(
  checkpoint: Opened,
  prompts: Iterable<string>,
  { device, threads }: { device: Device; threads: number },
): Promise<Map<string, Float32Array>> {
  const [config] = checkpoint.architecture.textEncoders;
  const [opened] = await openTokenizers(checkpoint);
  if (!config || !opened)
    throw new AppError('internal.unexpected', 'the checkpoint has no text encoder');
  const { tokenizer, frame } = opened;
  const rows = [...new Set(prompts)].map((prompt) => ({
    prompt,
    ids: chunkPrompt(prompt, tokenizer, { frame })[0]?.ids ?? [],
  }));
  const length = Math.max(1, ...rows.map(({ ids }) => ids.indexOf(frame.endId) + 1));

  const g = new GraphBuilder('text-pool');
  const shape = [promptsAtOnce, length];
  const ids = g.input('ids', 'int64', shape);
  const text = buildClipText(
    g,
    checkpointWeights(g, checkpoint),
    { ...config, learned: rowsOf(checkpoint, 0) },
    ids,
  );
  g.output('pooled', text.pooled(frame.endId));
  const session = await GraphSession.create(g.graph, {
    device,
    threads,
    weightsFolder: weightsFolder(checkpoint),
  });
  try {
    const pooled = new Map<string, Float32Array>();
    for (let start = 0; start < rows.length; start += promptsAtOnce) {
      const group = rows.slice(start, start + promptsAtOnce);
      const filled = Array.from({ length: promptsAtOnce }, (_, i) => group[i] ?? group[0]);
      const values = filled.flatMap((row) => row?.ids.slice(0, length) ?? []);
      const result = (await session.run({ ids: intTensor(values, shape) })).pooled;
      if (!result) throw new AppError('internal.unexpected', 'the text encoder gave no output');
      const states = splitRows(floatData(result), result.dims[1] ?? 1);
      group.forEach(({ prompt }, i) => pooled.set(prompt, unit(states[i] ?? new Float32Array())));
    }
    return pooled;
  } finally {
    await session.release();
  }
}

function unit(vector: Float32Array): Float32Array {
  const norm = Math.hypot(...vector);
  return vector.map((x) => x / norm);
}
