import type { Opened } from './opened.ts';
import { AppError } from '../../errors.ts';
import { buildClipText } from './clip-text.ts';
import { GraphBuilder } from '../../onnx/graph-builder.ts';
import { GraphSession } from '../../runtime/session.ts';
import { floatData, intTensor, type Tensor } from '../../runtime/tensor.ts';
import { joinColumns, joinRows } from '../../tensor/rows.ts';
import { applyEmphasis } from '../../tokenizer/apply-emphasis.ts';
import { chunkPrompt, padChunks, type PromptChunk } from '../../tokenizer/prompt-chunks.ts';
import { checkpointWeights, weightsFolder } from '../checkpoint-weights.ts';
import type { EncodedPrompt, EncodedPromptSet } from '../encoded-prompt.ts';
import type { EncodingSettings } from '../family.ts';
import { shownLayer } from './context-state.ts';
import { rowsOf } from './learned-words.ts';
import { openTokenizers } from './open-tokenizer.ts';

/**
 * Encodes prompts with the checkpoint's text encoders as the hosts do: chunks of 75 tokens,
 * `(word:1.2)` emphasis, prompts of different length padded with empty chunks. Where there are two
 * encoders, the channels of the second follow those of the first; the whole prompt is what the second
 * makes of its first chunk, whatever the clip skip.
 *
 * @throws AppError `settings.invalid` for a clip skip that the model has not the layers for
 */
export async function encodePrompts(
  checkpoint: Opened,
  prompts: Iterable<string>,
  { clipSkip = 1, ...place }: EncodingSettings,
): Promise<EncodedPromptSet> {
  const tokenizers = await openTokenizers(checkpoint);
  const texts = [...new Set(prompts)];
  const chunked = tokenizers.map(({ tokenizer, frame }) =>
    texts.map((text) => chunkPrompt(text, tokenizer, { frame })),
  );
  const count = Math.max(1, ...chunked.flat().map((chunks) => chunks.length));

  const session = await createSession(checkpoint, { clipSkip, ...place });
  try {
    const encoded = new Map<string, EncodedPrompt>();
    for (const [i, text] of texts.entries()) {
      const padded = tokenizers.map(({ frame }, encoder) =>
        padChunks(chunked[encoder]?.[i] ?? [], count, frame),
      );
      encoded.set(text, await encodePrompt(session, padded));
    }
    return { tokens: count * (tokenizers[0]?.frame.length ?? 0), prompts: encoded };
  } finally {
    await session.release();
  }
}

/** @param padded for each encoder the prompt's chunks */
async function encodePrompt(
  session: GraphSession,
  padded: readonly (readonly PromptChunk[])[],
): Promise<EncodedPrompt> {
  const rows: Float32Array[] = [];
  let pooled: Float32Array | null = null;
  const count = padded[0]?.length ?? 0;
  for (let i = 0; i < count; i++) {
    const chunks = padded.flatMap((of) => of[i] ?? []);
    const ids = chunks.map((chunk, encoder): [string, Tensor] => [
      `ids${encoder}`,
      intTensor(chunk.ids, [1, chunk.ids.length]),
    ]);
    const states = await session.run(Object.fromEntries(ids));
    const columns = chunks.map(({ weights }, encoder) => {
      const hidden = states[`hidden${encoder}`];
      if (!hidden) throw new AppError('internal.unexpected', 'the text encoder gave no output');
      return applyEmphasis(floatData(hidden), weights);
    });
    rows.push(joinColumns(columns, chunks[0]?.ids.length ?? 0));
    if (states.pooled) pooled ??= floatData(states.pooled).slice();
  }
  return { context: joinRows(rows), pooled };
}

/**
 * Inputs: `ids0`, … (int64 [1, 77]) for each encoder; outputs: `hidden0`, … (float32 [1, 77, C]) and,
 * where the UNet takes one, `pooled` (float32 [1, C]).
 */
async function createSession(
  checkpoint: Opened,
  { clipSkip, device, threads }: Required<EncodingSettings>,
): Promise<GraphSession> {
  const { textEncoders, unet } = checkpoint.architecture;
  const g = new GraphBuilder('text-encoder');
  const weights = checkpointWeights(g, checkpoint);
  for (const [i, config] of textEncoders.entries()) {
    const ids = g.input(`ids${i}`, 'int64', [1, config.tokenizer.length]);
    const text = buildClipText(g, weights, { ...config, learned: rowsOf(checkpoint, i) }, ids);
    const { isNormalized, tokenizer } = config;
    g.output(`hidden${i}`, text.hidden(shownLayer(config, clipSkip), isNormalized));
    const isLast = i === textEncoders.length - 1;
    if (isLast && unet.admInChannels !== null) {
      g.output('pooled', text.pooled(tokenizer.endId));
    }
  }
  return GraphSession.create(g.graph, {
    device,
    threads,
    weightsFolder: weightsFolder(checkpoint),
  });
}
