import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { AppError } from '../errors.ts';
import { buildClipText } from '../models/clip-text.ts';
import { GraphBuilder } from '../onnx/graph-builder.ts';
import { GraphSession, type Device } from '../runtime/session.ts';
import { floatData, intTensor } from '../runtime/tensor.ts';
import { applyEmphasis } from '../tokenizer/apply-emphasis.ts';
import { joinRows } from '../tensor/rows.ts';
import { createClipTokenizer } from '../tokenizer/clip-tokenizer.ts';
import { EOS_ID } from '../tokenizer/clip-vocabulary.ts';
import { chunkPrompt, padChunks, type PromptChunk } from '../tokenizer/prompt-chunks.ts';
import { checkpointWeights, weightsFolder } from './checkpoint-weights.ts';

/** Tokens of one chunk with its start and end. */
const chunkTokens = 77;

/** Prompts as the UNet takes them; all have equally many tokens. */
export interface EncodedPrompts {
  /** Tokens of each context: 77 times the chunks of the longest prompt. */
  readonly tokens: number;
  /** float32 [tokens, D] by prompt. */
  readonly contexts: ReadonlyMap<string, Float32Array>;
}

/**
 * Encodes prompts with the checkpoint's text encoder as the hosts do: chunks of 75 tokens,
 * `(word:1.2)` emphasis, prompts of different length padded with empty chunks.
 */
export async function encodePrompts(
  checkpoint: Checkpoint,
  prompts: Iterable<string>,
  { device, threads }: { device: Device; threads: number },
): Promise<EncodedPrompts> {
  const { textEncoders, family } = checkpoint.architecture;
  const [config] = textEncoders;
  if (!config || textEncoders.length > 1) {
    throw new AppError('model.unsupported', `text encoding of ${family} is not supported yet`);
  }
  const padId = config.layout === 'openclip' ? 0 : EOS_ID;
  const tokenizer = createClipTokenizer();
  const chunked = new Map<string, PromptChunk[]>();
  for (const prompt of prompts) chunked.set(prompt, chunkPrompt(prompt, tokenizer, { padId }));
  const count = Math.max(1, ...[...chunked.values()].map((chunks) => chunks.length));

  const g = new GraphBuilder('text-encoder');
  const ids = g.input('ids', 'int64', [1, chunkTokens]);
  const text = buildClipText(g, checkpointWeights(g, checkpoint), config, ids);
  // SD 2.x was trained on the last but one layer.
  g.output('hidden', text.hidden(config.layout === 'openclip' ? 2 : 1, true));
  const session = await GraphSession.create(g.graph, {
    device,
    threads,
    weightsFolder: weightsFolder(checkpoint),
  });
  try {
    const encodeChunk = async ({ ids, weights }: PromptChunk): Promise<Float32Array> => {
      const { hidden } = await session.run({ ids: intTensor(ids, [1, chunkTokens]) });
      if (!hidden) throw new AppError('internal.unexpected', 'the text encoder gave no output');
      return applyEmphasis(floatData(hidden), weights);
    };
    const contexts = new Map<string, Float32Array>();
    for (const [prompt, chunks] of chunked) {
      const parts: Float32Array[] = [];
      for (const chunk of padChunks(chunks, count, padId)) parts.push(await encodeChunk(chunk));
      contexts.set(prompt, joinRows(parts));
    }
    return { tokens: count * chunkTokens, contexts };
  } finally {
    await session.release();
  }
}
